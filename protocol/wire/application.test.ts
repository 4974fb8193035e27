import fc from "fast-check";
import { expect, test } from "vitest";
import {
  EncodeError,
  encodeApplication,
  isRule,
  parseFollowerFrame,
  parseNodeFrame,
  splitApplication,
  splitSender,
  withSender,
} from "./index.ts";

const rules = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }).filter(isRule);
const identifiers = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);
const contents = fc.oneof(fc.string({ unit: "binary" }), fc.string({ unit: fc.constantFrom(":", "a", "builtin::") }));

test("an application frame comes back as its rule and its content, also with :: in the content", () => {
  fc.assert(
    fc.property(rules, contents, (rule, content) => {
      const frame = encodeApplication(rule, content);
      expect(parseFollowerFrame(frame)).toEqual({ kind: "application", rule, content });
      expect(parseNodeFrame(frame)).toEqual({ kind: "application", rule, content });
      expect(splitApplication(frame)).toEqual({ rule, content });
    }),
  );
});

test("a rewritten frame gives back rule, sender and content", () => {
  fc.assert(
    fc.property(rules, identifiers, contents, (rule, identifier, content) => {
      const split = splitApplication(withSender(rule, identifier, content));
      expect(split?.rule).toBe(rule);
      expect(splitSender(split?.content ?? "")).toEqual({ identifier, content });
    }),
  );
});

test("the rewrite puts the sender between the rule and the untouched content", () => {
  expect(withSender("chat", "edge-1", "a::b")).toBe("chat::edge-1::a::b");
  expect(withSender("chat", "edge-1", "")).toBe("chat::edge-1::");
});

test("content without a sender before :: does not split", () => {
  for (const content of ["", "edge", "::x", "-edge::x", "a b::x", `${"a".repeat(65)}::x`]) {
    expect(splitSender(content)).toBeUndefined();
  }
});

test("text without a rule before :: does not split", () => {
  for (const text of ["", "chat", "::x", "builtin::x", "a\n::x", "chat:x"])
    expect(splitApplication(text)).toBeUndefined();
});

test("an application frame is never sent under builtin or another word that is no rule", () => {
  for (const rule of ["builtin", "", "a::b", "a:", "a\n"]) {
    expect(() => encodeApplication(rule, "secret-content")).toThrow(EncodeError);
    expect(() => encodeApplication(rule, "secret-content")).not.toThrow(/secret-content/);
  }
});
