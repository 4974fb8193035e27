import nacl from "tweetnacl";
import { decodeBase64Strict, encodeBase64 } from "./base64.ts";
import { LIMITS } from "./limits.ts";
import { isUsablePublicKey } from "./publicKey.ts";

/** Gives the asked number of bytes from a cryptographically secure source. */
export type RandomBytes = (length: number) => Uint8Array;

/** What a follower signs with. */
export interface ProofToSign {
  readonly secret: string;
  readonly nonce: string;
  /** Unix seconds. */
  readonly timestamp: number;
  /** 64 bytes: the seed and the public key, as tweetnacl's `nacl.sign.keyPair` makes it. */
  readonly secretKey: Uint8Array;
}

/** What a node checks. */
export interface ProofToVerify {
  /** Base64 of the 32 raw bytes. */
  readonly publicKey: string;
  readonly secret: string;
  readonly nonce: string;
  /** Unix seconds. */
  readonly timestamp: number;
  /** Base64 of 64 bytes. */
  readonly signature: string;
}

/** A proof whose parts have the one right form; what is left is the Ed25519 equation. */
export interface ReadProof {
  readonly publicKey: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

const NONCE_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** JSON Schema pattern of a nonce. */
export const NONCE_PATTERN = `^[A-Za-z0-9_-]{${LIMITS.nonce}}$`;

const noncePattern = new RegExp(NONCE_PATTERN);
const utf8 = new TextEncoder();

// L, the order of the base point, little-endian: 2^252 + 27742317777372353535851937790883648493.
const groupOrder = Uint8Array.from([
  0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0x10,
]);

/** Whether the text is a nonce: exactly 24 of `A-Z a-z 0-9 _ -`. */
export function isNonce(text: string): boolean {
  return noncePattern.test(text);
}

/** A fresh nonce of 144 random bits. The alphabet has 64 characters, so six bits of a byte choose one without bias. */
export function newNonce(randomBytes: RandomBytes = nacl.randomBytes): string {
  let nonce = "";
  for (const byte of randomBytes(LIMITS.nonce)) nonce += NONCE_ALPHABET.charAt(byte & 63);
  return nonce;
}

/**
 * The canonical JSON that a proof signs: keys in the order secret, nonce, timestamp, no white space, strings escaped as
 * `JSON.stringify` does (only what JSON demands; characters outside ASCII stand as they are).
 */
export function proofInput(secret: string, nonce: string, timestamp: number): string {
  return JSON.stringify({ secret, nonce, timestamp });
}

/** The UTF-8 bytes of `proofInput`: the message of the Ed25519 signature. */
export function proofBytes(secret: string, nonce: string, timestamp: number): Uint8Array {
  return utf8.encode(proofInput(secret, nonce, timestamp));
}

/** The base64 signature for `auth_request.signature`. Throws when the secret key has not 64 bytes. */
export function signProof(proof: ProofToSign): string {
  const message = proofBytes(proof.secret, proof.nonce, proof.timestamp);
  return encodeBase64(nacl.sign.detached(message, proof.secretKey));
}

/**
 * The 64 bytes of a signature, or undefined when the text is not the canonical base64 of them or its scalar S is not
 * below the group order (RFC 8032, 5.1.7).
 *
 * Adding the group order to S gives a second signature for the same message. tweetnacl accepts it and OpenSSL does not;
 * refusing it here makes every verifier behind this function come to the same verdict.
 */
export function parseSignature(text: string): Uint8Array | undefined {
  const signature = decodeBase64Strict(text, LIMITS.signatureBytes);
  return signature !== undefined && isBelowGroupOrder(signature.subarray(32)) ? signature : undefined;
}

/**
 * The parts of a proof for an Ed25519 verifier, or undefined when one has a form that no valid proof has. Every verifier
 * (native or portable) stands behind this check, so that they agree on all input: on their own they differ in what they
 * let through.
 */
export function readProof(proof: ProofToVerify): ReadProof | undefined {
  const publicKey = decodeBase64Strict(proof.publicKey, LIMITS.publicKeyBytes);
  const signature = parseSignature(proof.signature);
  if (publicKey === undefined || signature === undefined || !isUsablePublicKey(publicKey)) return undefined;
  // An empty secret would leave a proof of the key alone.
  if (proof.secret === "" || !isNonce(proof.nonce)) return undefined;
  if (!Number.isSafeInteger(proof.timestamp) || proof.timestamp < 0) return undefined;
  return { publicKey, signature, message: proofBytes(proof.secret, proof.nonce, proof.timestamp) };
}

/**
 * Whether the proof holds under this key and this secret. Portable and slow (tens of milliseconds): a node verifies
 * natively behind `readProof`. It decides neither freshness nor whether the nonce is new. Never throws.
 */
export function verifyProof(proof: ProofToVerify): boolean {
  const read = readProof(proof);
  return read !== undefined && nacl.sign.detached.verify(read.message, read.signature, read.publicKey);
}

function isBelowGroupOrder(scalar: Uint8Array): boolean {
  for (let index = 31; index >= 0; index -= 1) {
    const difference = (scalar[index] ?? 0) - (groupOrder[index] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}
