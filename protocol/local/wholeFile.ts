import { randomBytes } from "node:crypto";
import { existsSync, linkSync, lstatSync, rmSync, writeFileSync } from "node:fs";
import { LocalError } from "./localError.ts";

/**
 * Makes a file for its owner's eyes alone. It appears whole or not at all: half of one after a crash, or read by another process
 * too early, would be taken for all of it.
 * @returns false when there is one already: of two processes one makes it.
 * @throws LocalError when it is a link that leads nowhere; the file system's error.
 */
export function makeFileOnce(path: string, text: string): boolean {
  const draft = `${path}.${randomBytes(6).toString("hex")}`;
  writeFileSync(draft, text, { mode: 0o600, flag: "wx" });
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    if (leadsNowhere(path)) {
      throw new LocalError(`${path} is a link to a file that is not there: put that file back, or remove the link.`);
    }
    return false;
  } finally {
    rmSync(draft, { force: true });
  }
}

function leadsNowhere(path: string): boolean {
  return !existsSync(path) && lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}
