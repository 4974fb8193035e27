import { createPublicKey } from "node:crypto";
import { encodeBase64, isUsablePublicKey, LIMITS } from "@yonexus/protocol/wire/basics";

/** What an Ed25519 key in DER (SubjectPublicKeyInfo, RFC 8410) begins with. */
const DER_HEAD = Buffer.from("302a300506032b6570032100", "hex");

/**
 * The one way in which the cluster writes an Ed25519 public key: base64 of its 32 raw bytes. Read from that, with the URL's alphabet or
 * without padding too, from DER in base64, or from PEM. Undefined for all else, a private key above all.
 */
export function readPublicKey(text: string): string | undefined {
  const raw = text.includes("-----") ? fromPem(text) : fromBase64(text.trim());
  return raw !== undefined && isUsablePublicKey(raw) ? encodeBase64(raw) : undefined;
}

function fromBase64(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/u.test(text)) return undefined;
  const bytes = Buffer.from(text, "base64");
  if (bytes.length === LIMITS.publicKeyBytes) return bytes;
  const isDer =
    bytes.length === DER_HEAD.length + LIMITS.publicKeyBytes && bytes.subarray(0, DER_HEAD.length).equals(DER_HEAD);
  return isDer ? bytes.subarray(DER_HEAD.length) : undefined;
}

function fromPem(text: string): Uint8Array | undefined {
  // Of a private key a public one could be made. That it stands here is a mistake to be told, not to be mended.
  if (!text.includes("-----BEGIN PUBLIC KEY-----")) return undefined;
  try {
    const key = createPublicKey(text);
    if (key.asymmetricKeyType !== "ed25519") return undefined;
    return Buffer.from(key.export({ format: "jwk" }).x ?? "", "base64url");
  } catch {
    return undefined;
  }
}
