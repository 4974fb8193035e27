import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import {
  decodeBase64Strict,
  FOLLOWER_MESSAGES,
  keyFingerprint,
  NODE_MESSAGES,
  normalizePairingCode,
  parseFollowerFrame,
  parseNodeFrame,
} from "./index.ts";

interface GoodFrame {
  name: string;
  direction: "follower" | "node";
  frame: string;
  kind: "builtin" | "application";
}
interface BadFrame {
  name: string;
  direction: "follower" | "node";
  frame: string;
  field?: string;
  requestId?: string;
}

function vectors<Row>(file: string): Row {
  return JSON.parse(readFileSync(new URL(`../vectors/${file}`, import.meta.url), "utf8"));
}
const parse = (direction: "follower" | "node", frame: string) =>
  direction === "follower" ? parseFollowerFrame(frame) : parseNodeFrame(frame);

test("every good frame of the vectors is read as the vector says", () => {
  for (const { name, direction, frame, ...expected } of vectors<GoodFrame[]>("frames.good.json")) {
    expect(parse(direction, frame), name).toEqual(expected);
  }
});

test("every bad frame of the vectors is refused, names the field to mend, and keeps the request id to answer to", () => {
  for (const { name, direction, frame, field, requestId } of vectors<BadFrame[]>("frames.bad.json")) {
    const parsed = parse(direction, frame);
    if (parsed.kind !== "malformed") throw new Error(`${name}: read as ${parsed.kind}`);
    expect(parsed.requestId, name).toBe(requestId);
    if (field !== undefined) expect(parsed.reason, name).toMatch(new RegExp(`(^|: )${field} (must|is missing)`));
  }
});

test("the vectors hold a good and a bad frame of every message and names are not used twice", () => {
  const good = vectors<GoodFrame[]>("frames.good.json");
  const bad = vectors<BadFrame[]>("frames.bad.json");
  const all = [...good, ...bad].map(({ name }) => name);
  expect(new Set(all).size).toBe(all.length);
  for (const [direction, schemas] of [
    ["follower", FOLLOWER_MESSAGES],
    ["node", NODE_MESSAGES],
  ] as const) {
    for (const { properties } of schemas) {
      const type = properties.type.const;
      const isOf = (row: GoodFrame | BadFrame) =>
        row.direction === direction && row.frame.startsWith("builtin::{") && row.frame.includes(`"type":"${type}"`);
      expect(good.filter(isOf).length, `${direction} ${type}`).toBeGreaterThan(0);
      expect(bad.filter(isOf).length, `${direction} ${type}`).toBeGreaterThan(0);
    }
  }
});

const pairing = vectors<{
  codes: { typed: string; code: string | null }[];
  fingerprints: { publicKey: string; fingerprint: string }[];
}>("pairing.json");

test("pairing codes of the vectors are read as the vectors say", () => {
  for (const { typed, code } of pairing.codes) expect(normalizePairingCode(typed) ?? null, typed).toBe(code);
});

test("key fingerprints are those of the vectors", () => {
  for (const { publicKey, fingerprint } of pairing.fingerprints) {
    expect(keyFingerprint(decodeBase64Strict(publicKey, 32) ?? new Uint8Array())).toBe(fingerprint);
  }
});
