import { createHash, createHmac, randomBytes } from "node:crypto";
import nacl from "tweetnacl";
import { UnsealError } from "./errors.ts";

const VERSION = "v1";
/** In the place of a key's id, where it cannot be told. */
export const UNKNOWN_KEY = "unknown";

interface MasterKey {
  readonly id: string;
  readonly sealKey: Uint8Array;
  readonly macKey: Buffer;
}

function derive(masterKey: Uint8Array, purpose: string): Buffer {
  return createHmac("sha256", masterKey).update(`yonexus ${purpose} v1`).digest();
}

/** The id of the master key that sealed a value; `unknown` for what was never sealed. */
export function sealingKeyOf(sealed: string): string {
  const [version, keyId = ""] = sealed.split(".");
  return version === VERSION && /^[0-9a-f]{8}$/u.test(keyId) ? keyId : UNKNOWN_KEY;
}

/**
 * Keeps secrets unreadable at rest (NaCl secretbox), and hashes pairing codes with a key. Each purpose has a key of its
 * own, derived from the master key. The first master key seals; all of them open, so that keys can rotate.
 */
export class Keyring {
  readonly #keys: readonly MasterKey[];

  /** @param masterKeys 32 bytes each, at least one; the first is the current one. */
  constructor(masterKeys: readonly Uint8Array[]) {
    if (masterKeys.length === 0) throw new UnsealError("There is no master key: set YONEXUS_MASTER_KEY.");
    this.#keys = masterKeys.map((key) => ({
      // Public: tells which key sealed a value, and nothing about the key.
      id: createHash("sha256").update("yonexus key id v1").update(key).digest("hex").slice(0, 8),
      sealKey: derive(key, "seal"),
      macKey: derive(key, "pairing code"),
    }));
  }

  /** The public ids of the master keys, the current one first: sealed values name theirs. They tell nothing about the keys. */
  get keyIds(): readonly string[] {
    return this.#keys.map(({ id }) => id);
  }

  get #current(): MasterKey {
    const [first] = this.#keys;
    if (first === undefined) throw new UnsealError("There is no master key: set YONEXUS_MASTER_KEY.");
    return first;
  }

  /** Seals a text for one place (`context`): moved to another place it does not open. */
  seal(text: string, context: string): string {
    const key = this.#current;
    const nonce = randomBytes(nacl.secretbox.nonceLength);
    const box = nacl.secretbox(Buffer.from(`${context}\0${text}`, "utf8"), nonce, key.sealKey);
    return `${VERSION}.${key.id}.${Buffer.concat([nonce, box]).toString("base64url")}`;
  }

  /** @throws UnsealError when no key here opens it, or it was sealed for another place. */
  open(sealed: string, context: string): string {
    const [version, keyId, body] = sealed.split(".");
    const key = this.#keys.find((candidate) => candidate.id === keyId);
    if (version !== VERSION || key === undefined || body === undefined) {
      throw new UnsealError(
        "A value in Redis was sealed with another master key: give the cluster the YONEXUS_MASTER_KEY it was set up with.",
      );
    }
    const bytes = Buffer.from(body, "base64url");
    const nonce = bytes.subarray(0, nacl.secretbox.nonceLength);
    const opened =
      nonce.length === nacl.secretbox.nonceLength
        ? nacl.secretbox.open(bytes.subarray(nacl.secretbox.nonceLength), nonce, key.sealKey)
        : null;
    const text = opened === null ? undefined : Buffer.from(opened).toString("utf8");
    if (text === undefined || !text.startsWith(`${context}\0`)) {
      throw new UnsealError("A sealed value in Redis was changed or moved: revoke the follower and pair it again.");
    }
    return text.slice(context.length + 1);
  }

  /** Whether a sealed value was sealed by a key other than the current one. */
  needsResealing(sealed: string): boolean {
    return sealingKeyOf(sealed) !== this.#current.id;
  }

  /**
   * Keyed hashes of a pairing code (hex), one per master key, the current first: a code opened before a rotation still
   * matches after it. Redis compares them byte by byte, which tells nothing about the code to one without the key.
   */
  hashCode(code: string, identifier: string, fingerprint: string): string[] {
    return this.#keys.map((key) =>
      createHmac("sha256", key.macKey).update(`${identifier}\0${fingerprint}\0${code}`).digest("hex"),
    );
  }
}
