import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UnsealError } from "./errors.ts";
import { Keyring } from "./sealing.ts";

const OLD = new Uint8Array(32).fill(1);
const NEW = new Uint8Array(32).fill(2);

describe("a sealed value", () => {
  it("opens in its place, to the text that was sealed, whatever it holds", () => {
    const keyring = new Keyring([OLD]);
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" }), (text, context) => {
        const place = context.replaceAll("\0", "");
        expect(keyring.open(keyring.seal(text, place), place)).toBe(text);
      }),
      { numRuns: 100 },
    );
  });

  it("does not open in another place, nor in one whose name begins the same", () => {
    const keyring = new Keyring([OLD]);
    const sealed = keyring.seal("text", "secret alice");
    for (const place of ["secret bob", "secret alic", "secret alice2", "code alice", ""]) {
      expect(() => keyring.open(sealed, place)).toThrow(UnsealError);
    }
  });

  it("does not open when a character of it was changed, or it was cut", () => {
    const keyring = new Keyring([OLD]);
    const sealed = keyring.seal("text", "place");
    fc.assert(
      fc.property(fc.nat(sealed.length - 1), fc.constantFrom("A", "b", "7", "-", "."), (index, character) => {
        fc.pre(sealed[index] !== character);
        const changed = sealed.slice(0, index) + character + sealed.slice(index + 1);
        const opens = (text: string) => {
          try {
            return keyring.open(text, "place");
          } catch (error) {
            expect(error).toBeInstanceOf(UnsealError);
            return undefined;
          }
        };
        // The last character of base64url may hold bits that mean nothing: then it is the same value.
        if (index < sealed.length - 1) expect(opens(changed)).toBeUndefined();
        expect(opens(sealed.slice(0, index))).toBeUndefined();
      }),
    );
    for (const text of ["", ".", "v1", "v1.", "v2.x.y", sealed.replace("v1", "v2")]) {
      expect(() => keyring.open(text, "place")).toThrow(UnsealError);
    }
  });

  it("is another text each time, and shows neither text nor key", () => {
    const keyring = new Keyring([OLD]);
    const [one, other] = [keyring.seal("plain text", "place"), keyring.seal("plain text", "place")];
    expect(one).not.toBe(other);
    expect(Buffer.from(one.split(".")[2] ?? "", "base64url").toString("latin1")).not.toContain("plain");
    expect(one).toMatch(/^v1\.[0-9a-f]{8}\.[A-Za-z0-9_-]+$/u);
  });

  it("opens after a rotation, is known as sealed with an old key, and not without that key", () => {
    const sealed = new Keyring([OLD]).seal("text", "place");
    const rotated = new Keyring([NEW, OLD]);
    expect(rotated.open(sealed, "place")).toBe("text");
    expect(rotated.needsResealing(sealed)).toBe(true);
    expect(rotated.needsResealing(rotated.seal("text", "place"))).toBe(false);
    expect(() => new Keyring([NEW]).open(sealed, "place")).toThrow(/YONEXUS_MASTER_KEY/u);
  });
});

describe("the hash of a pairing code", () => {
  it("is one for each master key, the current one first, and bound to identifier, fingerprint and code", () => {
    const [old] = new Keyring([OLD]).hashCode("AAAA-BBBB", "alice", "ab12");
    expect(new Keyring([NEW, OLD]).hashCode("AAAA-BBBB", "alice", "ab12")).toEqual([
      expect.not.stringMatching(old ?? ""),
      old,
    ]);
    const keyring = new Keyring([OLD]);
    for (const [code, identifier, fingerprint] of [
      ["AAAA-BBBC", "alice", "ab12"],
      ["AAAA-BBBB", "bob", "ab12"],
      ["AAAA-BBBB", "alice", "ab13"],
    ] as const) {
      expect(keyring.hashCode(code, identifier, fingerprint)).not.toContain(old);
    }
    expect(old).toMatch(/^[0-9a-f]{64}$/u);
  });
});

it("a keyring without a key says which setting is missing", () => {
  expect(() => new Keyring([])).toThrow(/YONEXUS_MASTER_KEY/u);
});

it("the ids of a keyring are those that its sealed values name, the current one first", () => {
  const keyring = new Keyring([NEW, OLD]);
  const [current, older] = keyring.keyIds;
  expect(keyring.keyIds).toHaveLength(2);
  expect(keyring.seal("text", "place").split(".")[1]).toBe(current);
  expect(new Keyring([OLD]).keyIds).toEqual([older]);
  expect(current).toMatch(/^[0-9a-f]{8}$/u);
});
