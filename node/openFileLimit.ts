import { readFileSync } from "node:fs";

/** Files that a node needs besides its sockets: Redis, logs, the resolver, modules. */
const OTHER_FILES = 256;

/** The most sockets this process can hold before any file read fails; undefined where the system does not say. */
export function socketsWithinFileLimit(): number | undefined {
  try {
    const line = /^Max open files\s+(\d+)/mu.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
    return line === undefined ? undefined : Math.max(1, Number(line) - OTHER_FILES);
  } catch {
    return undefined;
  }
}
