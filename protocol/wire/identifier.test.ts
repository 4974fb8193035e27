import fc from "fast-check";
import { expect, test } from "vitest";
import { isIdentifier, isRule, LIMITS, splitApplication, withSender } from "./index.ts";

test("an identifier has 1 to 64 characters", () => {
  expect(isIdentifier("")).toBe(false);
  expect(isIdentifier("a")).toBe(true);
  expect(isIdentifier("a".repeat(LIMITS.identifier))).toBe(true);
  expect(isIdentifier("a".repeat(LIMITS.identifier + 1))).toBe(false);
});

test("an identifier starts with a letter or digit and goes on with . _ - too", () => {
  for (const text of ["edge-paris.1", "0_0", "Z--"]) expect(isIdentifier(text)).toBe(true);
  for (const text of ["-a", ".a", "_a", "a b", "a:b", "a/b", "é", "a\n", "a\u0000", "{a}"])
    expect(isIdentifier(text)).toBe(false);
});

test("a rule has 1 to 128 characters, counted as code points", () => {
  expect(isRule("")).toBe(false);
  expect(isRule("r".repeat(LIMITS.rule))).toBe(true);
  expect(isRule("r".repeat(LIMITS.rule + 1))).toBe(false);
  expect(isRule("😀".repeat(LIMITS.rule))).toBe(true);
  expect(isRule("😀".repeat(LIMITS.rule + 1))).toBe(false);
});

test("a rule has no ::, no : at the end, and is not builtin", () => {
  for (const text of ["a::b", "::", "a:", ":", "builtin"]) expect(isRule(text)).toBe(false);
  for (const text of ["a:b", ":a", "Builtin", "builtin2", "a b"]) expect(isRule(text)).toBe(true);
});

test("a rule has no control character and is well-formed Unicode", () => {
  for (let code = 0; code <= 0x9f; code += 1) {
    expect(isRule(`a${String.fromCharCode(code)}b`)).toBe(code > 0x1f && (code < 0x7f || code > 0x9f));
  }
  expect(isRule("a\ud800b")).toBe(false);
  expect(isRule("\udc00")).toBe(false);
});

test("whatever rule is accepted, what its handler is sent splits into the same rule", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: "binary" }), fc.string({ unit: fc.constantFrom("a", ":", "b") })),
      fc.string(),
      (rule, content) => {
        fc.pre(isRule(rule));
        const frame = withSender(rule, "edge", content);
        expect(splitApplication(frame)).toEqual({ rule, content: `edge::${content}` });
      },
    ),
    { numRuns: 500 },
  );
});
