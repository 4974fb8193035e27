import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";

const SKEW = new URL("./clockSkew.ts?300000", import.meta.url).href;
const SCRIPT = `console.log(JSON.stringify([Date.now(), new Date().getTime(), performance.timeOrigin + performance.now(),
  new Date(5).getTime(), new Date() instanceof Date, performance.now()]))`;

describe("The clock skew", () => {
  it("moves the wall clock of a process alone, and leaves given instants and the monotonic clock", () => {
    const printed = execFileSync(process.execPath, [`--import=${SKEW}`, "--eval", SCRIPT], { encoding: "utf8" });
    const [now, made, origin, given, isDate, monotonic] = JSON.parse(printed) as number[];
    for (const skewed of [now, made, origin]) {
      expect(Math.abs((skewed ?? 0) - Date.now() - 300_000)).toBeLessThan(10_000);
    }
    expect([given, isDate]).toEqual([5, true]);
    expect(monotonic).toBeLessThan(10_000);
  });
});
