import { closeSync, fstatSync, openSync, readSync } from "node:fs";

/** What stands in a file, or why it cannot be had: a clause that completes "a file that …". */
export type FileText =
  | { readonly text: string; readonly problem?: never }
  | { readonly problem: string; readonly text?: never };

/**
 * Reads a file that is meant to be small, such as a secret or a certificate. One that is larger is not read to its end: a
 * wrong path may lead to a device that never ends. Blocks for as long as the disk takes.
 */
export function readFileText(path: string, maxBytes: number): FileText {
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    if (fstatSync(file).isDirectory()) return { problem: "is a folder" };
    const bytes = Buffer.alloc(maxBytes + 1);
    let length = 0;
    // A pipe gives what it has, piece by piece.
    for (let count = -1; count !== 0 && length < bytes.length; length += count) {
      count = readSync(file, bytes, length, bytes.length - length, null);
    }
    if (length > maxBytes) return { problem: `is larger than ${maxBytes / 1024} KiB` };
    return { text: bytes.toString("utf8", 0, length) };
  } catch (error) {
    return { problem: problemOf(error) };
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function problemOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
  switch (code) {
    case "ENOENT":
    case "ENOTDIR":
      return "is not there";
    case "EACCES":
    case "EPERM":
      return "this user may not read";
    default:
      return `cannot be read (${code})`;
  }
}
