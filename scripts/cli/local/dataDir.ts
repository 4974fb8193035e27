import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { CliError } from "../cliError.ts";

/** The folder of a cluster that `yonexus up` runs. It holds the master key: only its owner may look into it. */
export interface DataDir {
  /** Absolute. */
  readonly path: string;
  /** As it was given, for people. */
  readonly shown: string;
  readonly redisDir: string;
  readonly logPath: (process: string) => string;
}

/** Makes the folder when it is missing. @throws CliError when that cannot be done. */
export function openDataDir(given: string): DataDir {
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
    throw new CliError(`The data folder ${given} cannot be used: ${reason}. Name another with --data-dir.`, { cause });
  }
  return {
    path,
    shown: given,
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
