import { describe, expect, it } from "vitest";
import { markedSteps } from "../../../test/support/markedSteps.ts";
import { judgeDiscord } from "./discordCheck.ts";
import { broken, findingsText, ok } from "./finding.ts";

describe("a bot token", () => {
  it.each([
    [200, "ok"],
    [401, "broken"],
    [403, "broken"],
    [429, "warning"],
    [503, "warning"],
  ])("that Discord answers with %i is %s", (answer, status) => {
    expect(judgeDiscord(answer, markedSteps).status).toBe(status);
  });

  it("that is refused says which setting to mend", () => {
    expect(judgeDiscord(401, markedSteps).mend).toContain("into <notifyBotToken>.");
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
