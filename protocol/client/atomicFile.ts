import { randomBytes } from "node:crypto";
import { open, readdir, rename, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

const TEMPORARY_END = ".tmp";

/**
 * Replaces a file so that a reader, a crash or a power cut finds the old text or the new one, whole. Only its owner may
 * read it, from the first byte on.
 */
export async function writeFileAtomically(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}${TEMPORARY_END}`;
  try {
    // "wx": a file or link that somebody put there is never followed.
    const file = await open(temporary, "wx", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
  await syncFolder(dirname(path));
}

/** Removes what a killed `writeFileAtomically` left beside the file. Only for whoever is the one writer. */
export async function removeTemporaries(path: string): Promise<void> {
  const folder = dirname(path);
  const start = `${basename(path)}.`;
  for (const name of await readdir(folder)) {
    const middle = name.startsWith(start) ? name.slice(start.length) : "";
    if (/^[0-9a-f]{12}\.tmp$/.test(middle)) await unlink(join(folder, name)).catch(() => undefined);
  }
}

/** Makes the rename itself durable. Some systems cannot open a folder; there nothing more can be done. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(() => undefined);
  if (handle === undefined) return;
  await handle.sync().catch(() => undefined);
  await handle.close();
}
