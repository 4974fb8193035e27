import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { plainText } from "./plainText.ts";

describe("text from a follower on a terminal", () => {
  it.each([
    ["\u001b[2Jgone", "\\x1b[2Jgone"],
    ["a\nb\r\tc", "a\\nb\\r\\tc"],
    ["\u009b31m", "\\x9b31m"],
    ["bell\u0007", "bell\\x07"],
    ["ab\u202ecd", "ab\\u202ecd"],
    ["\ud800", "\\ud800"],
  ])("%j is shown as %s", (text, shown) => {
    expect(plainText(text)).toBe(shown);
  });

  it("keeps letters, spaces and emoji of any language", () => {
    expect(plainText("Grüße, 世界 👋")).toBe("Grüße, 世界 👋");
  });

  it("never holds a control character", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => !/\p{Cc}/u.test(plainText(text))));
  });
});
