import { describe, expect, it } from "vitest";
import { Attempts } from "./attempts.ts";

describe("attempts", () => {
  it("of one address are refused over its limit, until the window is over, and those of another are not", () => {
    const attempts = new Attempts({ limit: 2, windowMs: 1_000 });
    expect([attempts.take("a", 0), attempts.take("a", 1), attempts.take("a", 2)]).toEqual([true, true, false]);
    expect(attempts.take("b", 3)).toBe(true);
    expect(attempts.take("a", 999)).toBe(false);
    expect(attempts.take("a", 1_000)).toBe(true);
  });

  it("of many addresses are refused together at ten times the limit of one", () => {
    const attempts = new Attempts({ limit: 2, windowMs: 1_000 });
    const taken = Array.from({ length: 50 }, (_, index) => attempts.take(`address-${index}`, 0));
    expect(taken.filter((each) => each)).toHaveLength(20);
  });
});
