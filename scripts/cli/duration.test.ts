import { describe, expect, it } from "vitest";
import { UsageError } from "./cliError.ts";
import { parseDuration } from "./duration.ts";

describe("a span of time, as it is typed", () => {
  it.each([
    ["1s", 1_000],
    ["3600s", 3_600_000],
    ["10m", 600_000],
    ["24h", 86_400_000],
    ["365d", 31_536_000_000],
  ])("%s is so many milliseconds: %d", (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each(["", "0", "10", "m", "0s", "-5s", "-1h", "1.5h", "1 h", "1w", "366d", "1h30m", "99999999999s", "10M"])(
    "%j is refused, with how to write one and what is the least and the most",
    (text) => {
      expect(() => parseDuration(text)).toThrow(UsageError);
      expect(() => parseDuration(text)).toThrow("10m");
      expect(() => parseDuration(text)).toThrow("more than 0 and at most 365 days");
    },
  );
});
