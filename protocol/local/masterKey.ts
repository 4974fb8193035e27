import { randomBytes } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { MASTER_KEY_BYTES } from "../config/index.ts";
import { LocalError } from "./localError.ts";
import { makeFileOnce } from "./wholeFile.ts";

/**
 * The master key of a data folder, in base64: made once, and the same at every later start.
 * @throws LocalError when the file is there and holds no key: a new one could not open what the old one sealed.
 */
export function loadMasterKey(dataDir: string): string {
  return readMasterKey(dataDir) ?? makeMasterKey(dataDir);
}

/**
 * The same, or undefined when none was made there yet.
 * @throws LocalError when the file is there and holds no key.
 */
export function readMasterKey(dataDir: string): string | undefined {
  const path = masterKeyPath(dataDir);
  const text = readIfThere(path);
  if (text !== undefined && !isMasterKey(text)) {
    throw new LocalError(
      `${path} holds no master key: put it back from a backup, or move the data folder away to begin anew (every follower pairs again).`,
    );
  }
  return text;
}

/** A sentence for the operator when others than its owner may read the master key of a folder; undefined when not. */
export function masterKeyWarning(dataDir: string): string | undefined {
  const path = masterKeyPath(dataDir);
  const mode = (statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o777;
  if ((mode & 0o077) === 0) return undefined;
  return `Other users may read or change ${path} (mode ${mode.toString(8)}), which opens every secret in Redis: run \`chmod 600 ${path}\`.`;
}

export function masterKeyPath(dataDir: string): string {
  return join(dataDir, "master.key");
}

function makeMasterKey(dataDir: string): string {
  const key = randomBytes(MASTER_KEY_BYTES).toString("base64");
  if (makeFileOnce(masterKeyPath(dataDir), `${key}\n`)) return key;
  return readMasterKey(dataDir) ?? makeMasterKey(dataDir);
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
