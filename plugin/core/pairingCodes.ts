import { readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { removeTemporaries, writeFileAtomically } from "@yonexus/protocol/local";

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
 * be read by the gateway's user alone, like the master key beside it. Codes go into no log and no chat. One that was used or is
 * over does not stay in it, and without codes there is no file. The gateway is the one writer; a terminal only reads.
 */
export class PairingCodeFile {
  readonly path: string;
  readonly #now: () => number;
  #writing: Promise<void> = Promise.resolve();

  /** @param now unix ms. */
  constructor(path: string, now: () => number = Date.now) {
    this.path = path;
    this.#now = now;
  }

  /** Those that are good still. A file that is not there, or not readable, holds none. */
  read(): PairingCode[] {
    return this.#stored().filter((code) => this.#isGood(code));
  }

  /** @throws the file system's error; nothing was changed then. */
  add({ identifier, fingerprint, code, expiresAt }: PairingCode): Promise<void> {
    return this.#change((codes) => [
      ...codes.filter((each) => each.identifier !== identifier || each.fingerprint !== fingerprint),
      { identifier, fingerprint, code, expiresAt },
    ]);
  }

  /** Takes out a follower's codes, but for those of these keys, which wait still. @throws the file system's error. */
  keep(identifier: string, fingerprints: readonly string[]): Promise<void> {
    return this.#change((codes) =>
      codes.filter((each) => each.identifier !== identifier || fingerprints.includes(each.fingerprint)),
    );
  }

  /** Takes out what is over. @throws the file system's error. */
  dropOver(): Promise<void> {
    return this.#change((codes) => codes);
  }

  /** The same, and what a process that was killed while it wrote left beside the file. @throws the file system's error. */
  async clean(): Promise<void> {
    await removeTemporaries(this.path);
    await this.dropOver();
  }

  async #change(edit: (good: PairingCode[]) => PairingCode[]): Promise<void> {
    // One after the other: each keeps what the one before it wrote.
    const work = this.#writing.then(async () => {
      const stored = this.#stored();
      const good = stored.filter((code) => this.#isGood(code));
      const kept = edit(good)
        .filter((code) => this.#isGood(code))
        .slice(-MAX_CODES);
      if (kept.length === 0) await rm(this.path, { force: true });
      else if (kept.length !== stored.length || kept.some((code, index) => code !== stored[index]))
        await writeFileAtomically(this.path, `${JSON.stringify(kept)}\n`);
    });
    this.#writing = work.catch(() => {});
    await work;
  }

  #stored(): PairingCode[] {
    let found: unknown;
    try {
      found = JSON.parse(readFileSync(this.path, "utf8"));
    } catch {
      return [];
    }
    return (Array.isArray(found) ? found : []).filter(isPairingCode);
  }

  #isGood({ expiresAt }: PairingCode): boolean {
    return expiresAt * 1000 > this.#now();
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
