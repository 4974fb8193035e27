import { openSync, renameSync, statSync } from "node:fs";

/** A log that grew longer than this (bytes) is put aside at the next start of its process; one older log is kept. */
const MAX_BYTES = 10_485_760;

/** Opens a log for appending. The caller closes the descriptor. */
export function openLog(path: string, maxBytes = MAX_BYTES): number {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > maxBytes) renameSync(path, `${path}.1`);
  return openSync(path, "a", 0o600);
}
