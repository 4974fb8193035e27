import { createPrivateKey, createPublicKey, sign as nativeSign, verify as nativeVerify } from "node:crypto";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import nacl from "tweetnacl";
import { describe, expect, test } from "vitest";
import {
  decodeBase64Strict,
  encodeBase64,
  isUsablePublicKey,
  newNonce,
  type ProofToVerify,
  parseSignature,
  proofInput,
  readProof,
  signProof,
  verifyProof,
} from "./index.ts";

interface Row {
  seed?: string;
  publicKey: string;
  secret: string;
  nonce: string;
  proofTimestamp: number;
  signingInput?: string;
  signature: string;
  valid: boolean;
  why?: string;
}
const rows: Row[] = JSON.parse(readFileSync(new URL("../vectors/proof.json", import.meta.url), "utf8"));

const nativeKey = (raw: Uint8Array) =>
  createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: Buffer.from(raw).toString("base64url") }, format: "jwk" });

/** The native verdict, behind the same checks of form as the portable one. */
function verifyNatively(proof: ProofToVerify): boolean {
  const read = readProof(proof);
  return read !== undefined && nativeVerify(null, read.message, nativeKey(read.publicKey), read.signature);
}

function verdict(proof: ProofToVerify): boolean {
  const portable = verifyProof(proof);
  expect(verifyNatively(proof)).toBe(portable);
  return portable;
}

const L = 2n ** 252n + 27742317777372353535851937790883648493n;
const toNumber = (bytes: Uint8Array) => bytes.reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n);
const toBytes = (value: bigint) =>
  Uint8Array.from({ length: 32 }, (_, index) => Number((value >> BigInt(8 * index)) & 255n));
const flipped = (bytes: Uint8Array, bit: number) =>
  bytes.map((byte, index) => (index === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));

const signed = fc
  .record({
    seed: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    secret: fc.string({ unit: "grapheme", minLength: 1 }),
    nonce: fc.stringMatching(/^[A-Za-z0-9_-]{24}$/),
    timestamp: fc.nat(),
  })
  .map(({ seed, ...proof }) => {
    const { publicKey, secretKey } = nacl.sign.keyPair.fromSeed(seed);
    return { ...proof, publicKey: encodeBase64(publicKey), signature: signProof({ ...proof, secretKey }) };
  });

describe("the proof vectors", () => {
  test.each(rows)("$nonce $proofTimestamp: $valid $why", (row) => {
    const { secret, nonce, proofTimestamp: timestamp } = row;
    expect(verdict({ publicKey: row.publicKey, secret, nonce, timestamp, signature: row.signature })).toBe(row.valid);
    if (row.signingInput !== undefined) expect(proofInput(secret, nonce, timestamp)).toBe(row.signingInput);
    if (row.seed === undefined) return;
    const { secretKey, publicKey } = nacl.sign.keyPair.fromSeed(Buffer.from(row.seed, "base64"));
    expect(encodeBase64(publicKey)).toBe(row.publicKey);
    expect(signProof({ secret, nonce, timestamp, secretKey })).toBe(row.signature);
  });
});

test("the signing input is the canonical JSON in the order secret, nonce, timestamp", () => {
  expect(proofInput('a"b', "n", 7)).toBe('{"secret":"a\\"b","nonce":"n","timestamp":7}');
});

test("a proof holds for native and portable verifiers alike, whichever of them signed", () => {
  fc.assert(
    fc.property(signed, (proof) => verdict(proof)),
    { numRuns: 15 },
  );
  const { publicKey, privateKey } = { publicKey: rows[0]?.publicKey ?? "", privateKey: rows[0]?.seed ?? "" };
  const key = createPrivateKey({
    key: Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), Buffer.from(privateKey, "base64")]),
    format: "der",
    type: "pkcs8",
  });
  const proof = { publicKey, secret: "s", nonce: newNonce(), timestamp: 1 };
  const signature = nativeSign(null, Buffer.from(proofInput(proof.secret, proof.nonce, proof.timestamp)), key);
  expect(verdict({ ...proof, signature: signature.toString("base64") })).toBe(true);
});

test("any bit flipped in the signature or the key makes it invalid for both", () => {
  fc.assert(
    fc.property(signed, fc.nat(511), fc.nat(255), (proof, signatureBit, keyBit) => {
      const signature = encodeBase64(
        flipped(decodeBase64Strict(proof.signature, 64) ?? new Uint8Array(), signatureBit),
      );
      const publicKey = encodeBase64(flipped(decodeBase64Strict(proof.publicKey, 32) ?? new Uint8Array(), keyBit));
      expect(verdict({ ...proof, signature })).toBe(false);
      expect(verdict({ ...proof, publicKey })).toBe(false);
    }),
    { numRuns: 25 },
  );
});

test("another secret, nonce or timestamp makes it invalid for both", () => {
  fc.assert(
    fc.property(signed, (proof) => {
      expect(verdict({ ...proof, secret: `${proof.secret}x` })).toBe(false);
      expect(verdict({ ...proof, nonce: proof.nonce.replace(/^./, (first) => (first === "A" ? "B" : "A")) })).toBe(
        false,
      );
      expect(verdict({ ...proof, timestamp: proof.timestamp + 1 })).toBe(false);
    }),
    { numRuns: 10 },
  );
});

test("a signature with the group order added to S is refused, though tweetnacl alone would take it", () => {
  fc.assert(
    fc.property(signed, (proof) => {
      const good = decodeBase64Strict(proof.signature, 64) ?? new Uint8Array();
      const malleated = Uint8Array.from([...good.subarray(0, 32), ...toBytes(toNumber(good.subarray(32)) + L)]);
      const message = new TextEncoder().encode(proofInput(proof.secret, proof.nonce, proof.timestamp));
      expect(nacl.sign.detached.verify(message, malleated, decodeBase64Strict(proof.publicKey, 32) ?? good)).toBe(true);
      expect(verdict({ ...proof, signature: encodeBase64(malleated) })).toBe(false);
    }),
    { numRuns: 5 },
  );
});

test("S is accepted up to the group order and not from it on", () => {
  const withScalar = (scalar: bigint) => encodeBase64(Uint8Array.from([...new Uint8Array(32), ...toBytes(scalar)]));
  for (const scalar of [0n, 1n, L - 1n]) expect(parseSignature(withScalar(scalar))).toHaveLength(64);
  for (const scalar of [L, L + 1n, 2n ** 253n, 2n ** 256n - 1n])
    expect(parseSignature(withScalar(scalar))).toBeUndefined();
});

const P = 2n ** 255n - 19n;
const orderEight = [
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
].map((digits) => toNumber(Buffer.from(digits, "hex")));
const unusable = [0n, 1n, P - 1n, ...orderEight, P, P + 1n, P + 7n, 2n ** 255n - 1n].flatMap((y) => [
  y,
  y + 2n ** 255n,
]);

test("a key of small order or in a non-canonical encoding is never usable, so that no signature fits every message", () => {
  for (const y of unusable) {
    const raw = toBytes(y);
    expect(isUsablePublicKey(raw)).toBe(false);
    // R = A or the neutral point, S = 0: what fits many messages under such keys.
    for (const r of [raw, toBytes(1n)]) {
      const signature = encodeBase64(Uint8Array.from([...r, ...new Uint8Array(32)]));
      expect(verdict({ publicKey: encodeBase64(raw), secret: "s", nonce: newNonce(), timestamp: 1, signature })).toBe(
        false,
      );
    }
  }
  expect(isUsablePublicKey(toBytes(P - 2n))).toBe(true);
  expect(isUsablePublicKey(new Uint8Array(31))).toBe(false);
  expect(isUsablePublicKey(new Uint8Array(33).fill(9))).toBe(false);
});

test("a point of small order as R leads both verifiers to the same verdict", () => {
  const publicKey = rows[0]?.publicKey ?? "";
  for (const y of unusable) {
    const signature = encodeBase64(Uint8Array.from([...toBytes(y), ...toBytes(12345n)]));
    expect(verdict({ publicKey, secret: "s", nonce: newNonce(), timestamp: 1, signature })).toBe(false);
  }
});

test("whatever a proof is made of, it is judged alike, and nothing throws", () => {
  const text = fc.oneof(fc.string({ unit: "binary" }), fc.base64String({ maxLength: 100 }));
  fc.assert(
    fc.property(
      fc.record({ publicKey: text, secret: text, nonce: text, timestamp: fc.double(), signature: text }),
      (proof) => {
        expect(verdict(proof)).toBe(false);
      },
    ),
  );
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length }).map(encodeBase64);
  fc.assert(
    fc.property(bytes(32), bytes(64), (publicKey, signature) => {
      expect(verdict({ publicKey, secret: "s", nonce: "A".repeat(24), timestamp: 1, signature })).toBe(false);
    }),
    { numRuns: 200 },
  );
});

test("base64 is read only in its one canonical spelling", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 70 }), (bytes) => {
      const text = encodeBase64(bytes);
      expect(text).toBe(Buffer.from(bytes).toString("base64"));
      expect(decodeBase64Strict(text, bytes.length)).toEqual(bytes);
      expect(decodeBase64Strict(text, bytes.length + 1)).toBeUndefined();
      for (const other of [` ${text}`, `${text}=`, `${text.replace(/=+$/, "")}\n`]) {
        expect(decodeBase64Strict(other, bytes.length)).toBeUndefined();
      }
    }),
  );
  for (const text of ["AB==", "A===", "====", "AA=A", "AAB=", "A_==", "AA"]) {
    expect(decodeBase64Strict(text, 1) ?? decodeBase64Strict(text, 2)).toBeUndefined();
  }
});
