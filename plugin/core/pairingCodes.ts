import { readFileSync } from "node:fs";
import { writeFileAtomically } from "@yonexus/protocol/local";

/** A pairing code of this gateway's own cluster, for the operator of this machine. A secret until it is used or over. */
export interface PairingCode {
  readonly identifier: string;
  readonly fingerprint: string;
  readonly code: string;
  /** Unix seconds. */
  readonly expiresAt: number;
}

/** So many are kept at most: the newest. */
const MAX_CODES = 100;

/**
 * Where a standalone coordinator without a Discord bot puts its codes, in place of a terminal: a gateway has none. The file can
 * be read by the gateway's user alone, like the master key beside it. Codes go into no log and no chat.
 */
export class PairingCodeFile {
  readonly #path: string;
  readonly #now: () => number;
  #writing: Promise<void> = Promise.resolve();

  /** @param now unix ms. */
  constructor(path: string, now: () => number = Date.now) {
    this.#path = path;
    this.#now = now;
  }

  /** Those that are good still. A file that is not there, or not readable, holds none. */
  read(): PairingCode[] {
    let found: unknown;
    try {
      found = JSON.parse(readFileSync(this.#path, "utf8"));
    } catch {
      return [];
    }
    const codes = (Array.isArray(found) ? found : []).filter(isPairingCode);
    return codes.filter(({ expiresAt }) => expiresAt * 1000 > this.#now());
  }

  /** @throws the file system's error; nothing was changed then. */
  async add({ identifier, fingerprint, code, expiresAt }: PairingCode): Promise<void> {
    // One after the other: each keeps what the one before it wrote.
    const work = this.#writing.then(async () => {
      const others = this.read().filter((each) => each.identifier !== identifier || each.fingerprint !== fingerprint);
      const kept = [...others, { identifier, fingerprint, code, expiresAt }].slice(-MAX_CODES);
      await writeFileAtomically(this.#path, `${JSON.stringify(kept)}\n`);
    });
    this.#writing = work.catch(() => {});
    await work;
  }
}

export function isPairingCode(value: unknown): value is PairingCode {
  if (typeof value !== "object" || value === null) return false;
  const { identifier, fingerprint, code, expiresAt } = value as Record<string, unknown>;
  return (
    typeof identifier === "string" &&
    typeof fingerprint === "string" &&
    typeof code === "string" &&
    typeof expiresAt === "number"
  );
}
