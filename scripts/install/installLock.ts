import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { isRunning, ownIdentity, type ProcessIdentity } from "@yonexus/protocol/process";
import type { Disk } from "./disk.ts";
import { Refusal } from "./refusal.ts";

/**
 * One installer a profile. What it does would also be safe without: it renames whole things into place, and the last one
 * wins. But an installation and an uninstallation that are mixed could leave the entry of one and the folder of the other.
 * @returns releases it
 * @throws Refusal when another installer runs
 */
export function lockProfile(profile: string, disk: Disk): () => void {
  const lock = join(profile, ".yonexus-server-install.lock");
  const own = `${lock}.${process.pid}`;
  disk.writeFile(own, Buffer.from(JSON.stringify(ownIdentity())), 0o600);
  try {
    for (;;) {
      try {
        // A link appears whole or not at all, and only one process can make it.
        disk.link(own, lock);
        removeDead(profile, lock, disk);
        return () => disk.remove(lock);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
      const holder = readIdentity(lock);
      if (holder !== undefined && isRunning(holder)) {
        throw new Refusal(
          "BUSY",
          `Another installer is at work on this profile (process ${holder.pid}): run this again when it is done.`,
        );
      }
      takeAway(lock, holder, disk);
    }
  } finally {
    disk.remove(own);
  }
}

/** Takes a dead lock away. If another process was quicker, what was taken is its new lock, and goes back. */
function takeAway(lock: string, dead: ProcessIdentity | undefined, disk: Disk): void {
  const taken = `${lock}.${process.pid}.dead`;
  try {
    disk.rename(lock, taken);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  const found = readIdentity(taken);
  if (found !== undefined && (found.pid !== dead?.pid || found.started !== dead.started)) {
    try {
      disk.link(taken, lock);
    } catch (error) {
      // A third one took its place in between. Two may run now, and only the renames keep what each does whole.
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
  disk.remove(taken);
}

/** What processes that ended in the midst of locking left behind. */
function removeDead(profile: string, lock: string, disk: Disk): void {
  for (const name of readdirSync(profile).filter((found) => found.startsWith(`${basename(lock)}.`))) {
    const holder = readIdentity(join(profile, name));
    if (holder === undefined || !isRunning(holder)) disk.remove(join(profile, name));
  }
}

/** Undefined when it is gone, or holds nothing of use. */
export function readIdentity(path: string): ProcessIdentity | undefined {
  try {
    const found: unknown = JSON.parse(readFileSync(path, "utf8"));
    if (typeof found !== "object" || found === null) return undefined;
    const { pid, started } = found as Record<string, unknown>;
    return typeof pid === "number" && typeof started === "string" ? { pid, started } : undefined;
  } catch {
    return undefined;
  }
}
