import { describe, expect, it } from "vitest";
import { judgeQueue } from "./queueChecks.ts";

describe("a queue", () => {
  it.each([
    [0, 3, 0, "ok"],
    [101, 0, 0, "warning"],
    [0, 0, 1, "warning"],
  ])("with %i waiting, %i delayed and %i failed jobs is %s", (waiting, delayed, failed, status) => {
    expect(judgeQueue("notices", waiting, delayed, failed).status).toBe(status);
  });
});
