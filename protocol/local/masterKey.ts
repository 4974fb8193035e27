import { randomBytes } from "node:crypto";
import { linkSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MASTER_KEY_BYTES } from "../config/index.ts";
import { LocalError } from "./localError.ts";

/**
 * The master key of a data folder, in base64: made once, and the same at every later start.
 * @throws LocalError when the file is there and holds no key: a new one could not open what the old one sealed.
 */
export function loadMasterKey(dataDir: string): string {
  const path = join(dataDir, "master.key");
  const text = readIfThere(path);
  if (text === undefined) return makeMasterKey(path);
  if (!isMasterKey(text)) {
    throw new LocalError(
      `${path} holds no master key: put it back from a backup, or move the data folder away to begin anew (every follower pairs again).`,
    );
  }
  return text;
}

function makeMasterKey(path: string): string {
  const key = randomBytes(MASTER_KEY_BYTES).toString("base64");
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, `${key}\n`, { mode: 0o600 });
  try {
    // Appears whole or not at all: half a key after a crash would lock the data away.
    linkSync(draft, path);
  } finally {
    rmSync(draft, { force: true });
  }
  return key;
}

function isMasterKey(text: string): boolean {
  return /^[A-Za-z0-9+/]+=*$/u.test(text) && Buffer.from(text, "base64").length === MASTER_KEY_BYTES;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    const reason = error instanceof Error ? error.message : String(error);
    throw new LocalError(`The master key cannot be read: ${reason}.`, { cause: error });
  }
}
