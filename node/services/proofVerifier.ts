import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { promisify } from "node:util";
import { type ProofToVerify, readProof } from "@yonexus/protocol/wire/basics";

const verifyAsync = promisify(verify);

/** DER before a raw Ed25519 key (RFC 8410). */
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");
/** 2 KB each. They save the parsing of those that come again and again; a herd of thousands passes through in any case. */
const MAX_KEYS = 200;

/** Verifies proofs with the native Ed25519, off the event loop. Parsed keys are kept, the least recently used go first. */
export class ProofVerifier {
  readonly #keys = new Map<string, KeyObject>();

  /** Whether the proof holds. It decides neither freshness nor whether the nonce is new. */
  async verify(proof: ProofToVerify): Promise<boolean> {
    const read = readProof(proof);
    if (read === undefined) return false;
    let key: KeyObject;
    try {
      key = this.#key(proof.publicKey, read.publicKey);
    } catch {
      // A point that is not on the curve: no signature holds under it.
      return false;
    }
    return verifyAsync(null, read.message, key, read.signature);
  }

  #key(text: string, raw: Uint8Array): KeyObject {
    const known = this.#keys.get(text);
    if (known !== undefined) {
      this.#keys.delete(text);
      this.#keys.set(text, known);
      return known;
    }
    const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, raw]), format: "der", type: "spki" });
    const oldest = this.#keys.keys().next();
    if (this.#keys.size >= MAX_KEYS && oldest.done !== true) this.#keys.delete(oldest.value);
    this.#keys.set(text, key);
    return key;
  }
}
