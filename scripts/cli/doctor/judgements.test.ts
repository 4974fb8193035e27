import { describe, expect, it } from "vitest";
import { judgeQueue } from "./clusterChecks.ts";
import { judgeDiscord } from "./discordCheck.ts";
import { broken, findingsText, ok } from "./finding.ts";

describe("a queue", () => {
  it.each([
    [0, 3, 0, "ok"],
    [101, 0, 0, "warning"],
    [0, 0, 1, "warning"],
  ])("with %i waiting, %i delayed and %i failed jobs is %s", (waiting, delayed, failed, status) => {
    expect(judgeQueue("notices", waiting, delayed, failed).status).toBe(status);
  });
});

describe("a bot token", () => {
  it.each([
    [200, "ok"],
    [401, "broken"],
    [403, "broken"],
    [429, "warning"],
    [503, "warning"],
  ])("that Discord answers with %i is %s", (answer, status) => {
    expect(judgeDiscord(answer).status).toBe(status);
  });
});

describe("the findings", () => {
  it("show each mend below what it mends, and end in a verdict", () => {
    const text = findingsText([ok("redis", "answers"), broken("nodes", "none is alive", "Start one.")]);
    expect(text.split("\n")).toEqual([
      "ok       redis  answers",
      "broken   nodes  none is alive",
      "                Start one.",
      "",
      "1 broken, 0 to look at: begin with the first one.",
    ]);
  });
});
