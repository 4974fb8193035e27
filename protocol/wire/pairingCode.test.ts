import fc from "fast-check";
import { expect, test } from "vitest";
import { isNonce, newNonce, newPairingCode, normalizePairingCode, PAIRING_CODE_ALPHABET } from "./index.ts";

const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte);
/** A source that walks through all bytes, so that the choice of characters can be counted. */
function countingSource() {
  let offset = 0;
  return (length: number) => {
    const bytes = Uint8Array.from({ length }, (_, index) => everyByte[(offset + index) % 256] ?? 0);
    offset += length;
    return bytes;
  };
}

test("a pairing code has 8 unambiguous characters and a hyphen", () => {
  for (let run = 0; run < 50; run += 1)
    expect(newPairingCode()).toMatch(/^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$/);
});

test("every character of a pairing code and of a nonce is equally likely", () => {
  const counts = (texts: string[]) => {
    const count = new Map<string, number>();
    for (const character of texts.join("").replaceAll("-", "")) count.set(character, (count.get(character) ?? 0) + 1);
    return count;
  };
  const codeSource = countingSource();
  const codes = counts(Array.from({ length: 32 }, () => newPairingCode(codeSource)));
  expect([...codes.keys()].sort().join("")).toBe([...PAIRING_CODE_ALPHABET].sort().join(""));
  expect(new Set(codes.values())).toEqual(new Set([8]));
  const nonceSource = countingSource();
  const nonces = counts(Array.from({ length: 32 }, () => newNonce(nonceSource)));
  expect(nonces.size).toBe(63);
  expect(new Set(nonces.values())).toEqual(new Set([12]));
});

test("a fresh nonce is a nonce and differs from the one before", () => {
  const nonces = Array.from({ length: 100 }, () => newNonce());
  expect(nonces.every(isNonce)).toBe(true);
  expect(new Set(nonces).size).toBe(100);
});

test("a code is the same however a person types it", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 8, maxLength: 8 }), fc.infiniteStream(fc.nat(3)), (bytes, choices) => {
      const code = newPairingCode(() => bytes);
      const next = () => Number(choices.next().value);
      const typed = [...code.replace("-", "")]
        .map((c) =>
          c === "0"
            ? (["0", "O", "o", "0"][next()] ?? c)
            : c === "1"
              ? (["1", "I", "l", "L"][next()] ?? c)
              : next() > 1
                ? c.toLowerCase()
                : c,
        )
        .map((c) => c + (["", " ", "-", ""][next()] ?? ""))
        .join("");
      expect(normalizePairingCode(typed)).toBe(code);
    }),
  );
});

test("no text whatever makes a code other than 8 characters of the alphabet, and nothing throws", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(normalizePairingCode(text) ?? "0000-0000").toMatch(/^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$/);
    }),
  );
  expect(normalizePairingCode(`${" ".repeat(60)}7K3M-9QXV`)).toBeUndefined();
});
