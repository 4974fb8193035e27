import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { promisify } from "node:util";
import type { AdminRequest } from "@yonexus/protocol/admin";

const SIGNATURE_BYTES = 64;
const SIGNATURE = /^[0-9A-Fa-f]{128}$/u;
/** Unix seconds, as Discord writes them. */
const TIMESTAMP = /^\d{1,12}$/u;
/** How an Ed25519 key begins in DER; the raw key follows. */
const KEY_HEAD = Buffer.from("302a300506032b6570032100", "hex");

const verifyLater = promisify(verify);

/** Whether a request is Discord's: signed with the application's key over its time and its body. */
export class DiscordSignature {
  readonly #key: KeyObject;

  /** @param publicKey 32 bytes in hexadecimal. */
  constructor(publicKey: string) {
    const der = Buffer.concat([KEY_HEAD, Buffer.from(publicKey, "hex")]);
    this.#key = createPublicKey({ key: der, format: "der", type: "spki" });
  }

  /**
   * The time that was signed (unix s), or undefined for a request that is not Discord's. The same work is done whatever is wrong
   * with it, off the event loop, and nothing of the body is read before.
   */
  async timestampOf(headers: AdminRequest["headers"], body: Uint8Array): Promise<number | undefined> {
    const given = textOf(headers["x-signature-ed25519"]);
    const time = textOf(headers["x-signature-timestamp"]);
    const isWellFormed = SIGNATURE.test(given) && TIMESTAMP.test(time);
    const signature = isWellFormed ? Buffer.from(given, "hex") : Buffer.alloc(SIGNATURE_BYTES);
    const signed = Buffer.concat([Buffer.from(isWellFormed ? time : "0"), body]);
    const holds = await verifyLater(undefined, signed, this.#key, signature);
    return holds && isWellFormed ? Number(time) : undefined;
  }
}

function textOf(header: string | string[] | undefined): string {
  return typeof header === "string" ? header : "";
}
