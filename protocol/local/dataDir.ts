import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { LocalError } from "./localError.ts";

/** The folder of a cluster on this machine. It holds the master key: only its owner may look into it. */
export interface DataDir {
  /** Absolute. */
  readonly path: string;
  /** As it was given, for people. */
  readonly shown: string;
  /** What a person does to use another: `name another folder with --data-dir`. */
  readonly elsewhere: string;
  readonly redisDir: string;
  readonly logPath: (process: string) => string;
}

/**
 * Makes the folder when it is missing.
 * @param elsewhere what a person does to use another one: `name another folder with --data-dir`.
 * @throws LocalError when that cannot be done.
 */
export function openDataDir(given: string, elsewhere: string): DataDir {
  const path = resolve(given);
  const isNew = !existsSync(path);
  try {
    for (const folder of [path, join(path, "redis"), join(path, "logs")]) {
      makeFolder(folder);
    }
    // A folder of the user's own that has other things in it is not narrowed.
    if (isNew) chmodSync(path, 0o700);
    // The folder is often inside a project: its keys must not be committed with it.
    const ignore = join(path, ".gitignore");
    if (!existsSync(ignore)) writeFileSync(ignore, "*\n");
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new LocalError(`The data folder ${given} cannot be used: ${reason}. Mend that, or ${elsewhere}.`, { cause });
  }
  return {
    path,
    shown: given,
    elsewhere,
    redisDir: join(path, "redis"),
    logPath: (process) => join(path, "logs", `${process}.log`),
  };
}

/** With those above it that are missing. Node.js' own `recursive` tries for ever where nothing can be made, as under /proc. */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  mkdirSync(path, { mode: 0o700 });
}
