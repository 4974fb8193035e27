import { describe, expect, it } from "vitest";
import { ageText, remainingText, spanText } from "./age.ts";

const now = 1_800_000_000_000;

describe("an age", () => {
  it.each([
    [0, "just now"],
    [999, "just now"],
    [1_000, "1 s ago"],
    [59_999, "59 s ago"],
    [180_000, "3 min ago"],
    [3_599_999, "59 min ago"],
    [7_200_000, "2 h ago"],
    [3 * 86_400_000, "3 d ago"],
  ])("of %i ms reads %s", (elapsed, text) => {
    expect(ageText(now - elapsed, now)).toBe(text);
  });

  it("of an instant ahead of the clock reads just now", () => {
    expect(ageText(now + 5_000, now)).toBe("just now");
  });
});

describe("a span", () => {
  it("under a second has no seconds", () => {
    expect(spanText(400)).toBe("0 s");
  });

  it("is rounded down to its largest unit", () => {
    expect(spanText(299_000)).toBe("4 min");
  });
});

describe("what remains", () => {
  it.each([
    [299_000, "5 min"],
    [120_000, "2 min"],
    [119_000, "119 s"],
    [-5, "0 s"],
  ])("of %i ms reads %s", (ms, text) => {
    expect(remainingText(ms)).toBe(text);
  });
});
