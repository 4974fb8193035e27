import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isRule } from "../wire/index.ts";
import { Keys } from "./keys.ts";

const keys = new Keys("yonexus");

/** What Redis Cluster hashes of a key: what stands between the first `{` and the next `}`, if that is not empty. */
function hashed(key: string): string {
  const open = key.indexOf("{");
  const close = open < 0 ? -1 : key.indexOf("}", open + 1);
  return open >= 0 && close > open + 1 ? key.slice(open + 1, close) : key;
}

const rule = fc
  .oneof(
    fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }),
    fc.string({
      unit: fc.constantFrom("{", "}", "%", ":", "2", "5", "a", "A", " ", "é", "_"),
      minLength: 1,
      maxLength: 8,
    }),
  )
  .filter(isRule);
const identifier = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/u);

describe("the keys of a rule", () => {
  it("are those of no other rule", () => {
    fc.assert(
      fc.property(rule, rule, (one, other) => {
        expect(keys.rule(one).holder === keys.rule(other).holder).toBe(one === other);
      }),
      { numRuns: 2_000 },
    );
  });

  it("share one hash slot, which is the rule's own, and hold no brace or space of the rule", () => {
    fc.assert(
      fc.property(rule, (name) => {
        const own = Object.values(keys.rule(name));
        expect(new Set(own.map(hashed)).size).toBe(1);
        for (const key of own) {
          expect(hashed(key)).not.toBe(key);
          expect(key).toMatch(/^yonexus:rule:\{[^{}\s]+\}:[a-zA-Z]+$/u);
        }
      }),
    );
  });
});

describe("the keys of a follower", () => {
  it("share one hash slot, with its pairings and its counters", () => {
    fc.assert(
      fc.property(identifier, (name) => {
        const own = [
          ...Object.values(keys.follower(name)),
          keys.pairing(name, "ab12-cd34"),
          keys.attempts(name, "2001:db8::1"),
        ];
        expect(own.map(hashed)).toEqual(own.map(() => name));
        expect(new Set(own).size).toBe(own.length);
      }),
    );
  });

  it("are those of no other follower, and of no rule with the same name", () => {
    fc.assert(
      fc.property(identifier, identifier, (one, other) => {
        const own = new Set(Object.values(keys.follower(one)));
        const others = Object.values(one === other ? keys.rule(other) : keys.follower(other));
        for (const key of others) expect(own.has(key)).toBe(false);
      }),
    );
  });
});

it("two prefixes share no name", () => {
  const names = (prefix: string) => {
    const { prefix: _, ...fixed } = new Keys(prefix);
    const made = new Keys(prefix);
    return [
      ...Object.values(fixed),
      ...Object.values(made.follower("a")),
      ...Object.values(made.rule("a")),
      made.node("n"),
      made.nodeSessions("n"),
      made.nodeChannel("n"),
      made.replyChannel("s"),
      made.sweptAt("liveness"),
    ];
  };
  const all = [...names("yonexus"), ...names("yonexus2")];
  expect(new Set(all).size).toBe(all.length);
});
