import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isRunning, ownIdentity, type ProcessIdentity } from "../process/identity.ts";
import type { DataDir } from "./dataDir.ts";
import { LocalError } from "./localError.ts";

export interface FolderLock {
  /** An earlier cluster of this folder did not end in good order. */
  readonly wasLeftBehind: boolean;
  release(): void;
}

/** One cluster a folder. @throws LocalError when another process holds it. */
export function lockFolder({ path, shown, elsewhere }: DataDir): FolderLock {
  const lock = join(path, "up.lock");
  const own = `${lock}.${process.pid}`;
  writeFileSync(own, JSON.stringify(ownIdentity()), { mode: 0o600 });
  try {
    let wasLeftBehind = false;
    for (;;) {
      try {
        // A link appears whole or not at all, and only one process can make it.
        linkSync(own, lock);
        return { wasLeftBehind, release: () => rmSync(lock, { force: true }) };
      } catch (error) {
        if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
      }
      const found = readLock(lock);
      if (found !== undefined && isRunning(found)) {
        throw new LocalError(
          `A cluster already runs in ${shown} (process ${found.pid}): stop that one, or ${elsewhere}.`,
        );
      }
      wasLeftBehind = true;
      takeAway(lock, found);
    }
  } finally {
    rmSync(own, { force: true });
  }
}

/** Takes a dead lock away. If another process was quicker, what was taken is its new lock, and goes back. */
function takeAway(lock: string, dead: ProcessIdentity | undefined): void {
  const taken = `${lock}.${process.pid}.dead`;
  try {
    renameSync(lock, taken);
  } catch {
    return;
  }
  const found = readLock(taken);
  if (found !== undefined && (found.pid !== dead?.pid || found.started !== dead.started)) {
    try {
      linkSync(taken, lock);
    } catch {
      // A third one took its place: it lost nothing that it could not claim again.
    }
  }
  rmSync(taken, { force: true });
}

function readLock(path: string): ProcessIdentity | undefined {
  try {
    const found: unknown = JSON.parse(readFileSync(path, "utf8"));
    if (typeof found !== "object" || found === null) return undefined;
    const { pid, started } = found as Record<string, unknown>;
    return typeof pid === "number" && typeof started === "string" ? { pid, started } : undefined;
  } catch {
    return undefined;
  }
}
