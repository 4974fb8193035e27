import nacl from "tweetnacl";
import { LIMITS } from "./limits.ts";

const FINGERPRINT_BYTES = 16;

// The y coordinates (little-endian, sign bit cleared) of the eight Ed25519 points whose order divides 8. With such a key
// h·A takes a handful of values whatever h is, so one signature verifies for (nearly) every message and proves no secret.
const smallOrder = new Set([
  "00".repeat(32),
  `01${"00".repeat(31)}`,
  `ec${"ff".repeat(30)}7f`,
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
]);

/**
 * Whether a raw Ed25519 public key may be trusted: 32 bytes, the one canonical encoding of its y coordinate (below
 * 2^255 − 19), and not a point of small order. Whether it is on the curve at all is left to the verifier, which then
 * refuses every signature.
 */
export function isUsablePublicKey(raw: Uint8Array): boolean {
  if (raw.length !== LIMITS.publicKeyBytes) return false;
  const y = Uint8Array.from(raw);
  y[31] = (y[31] ?? 0) & 0x7f;
  return isBelowFieldPrime(y) && !smallOrder.has(hex(y));
}

/**
 * What two people compare to see that a pairing belongs to this follower's key: the first 16 bytes of the SHA-512 of the
 * raw key, as 8 groups of 4 lower-case hexadecimal digits with `-` between them. The follower prints it, and the admin's
 * notice names it.
 */
export function keyFingerprint(publicKey: Uint8Array): string {
  const digits = hex(nacl.hash(publicKey).subarray(0, FINGERPRINT_BYTES));
  return (digits.match(/.{4}/g) ?? []).join("-");
}

function isBelowFieldPrime(y: Uint8Array): boolean {
  if (y[31] !== 0x7f || (y[0] ?? 0) < 0xed) return true;
  return y.subarray(1, 31).some((byte) => byte !== 0xff);
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
