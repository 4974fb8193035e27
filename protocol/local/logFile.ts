import { chmodSync, copyFileSync, openSync, statSync, truncateSync } from "node:fs";

/** A log that grew longer than this (bytes) begins anew; one older log is kept. */
const MAX_BYTES = 10_485_760;

/** Opens a log for appending. The caller closes the descriptor. */
export function openLog(path: string, maxBytes = MAX_BYTES): number {
  boundLog(path, maxBytes);
  return openSync(path, "a", 0o600);
}

/**
 * Puts a long log aside and begins anew. The file stays the same one, because its process goes on appending to it: what is
 * written between the copy and the cut is lost, which a bounded disk is worth.
 */
export function boundLog(path: string, maxBytes = MAX_BYTES): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size <= maxBytes) return;
  copyFileSync(path, `${path}.1`);
  chmodSync(`${path}.1`, 0o600);
  truncateSync(path);
}
