import { explainRefusal, RecordError } from "@yonexus/protocol/redis";

/**
 * Whether Redis answered, and refused because of the one record. An error of the connection is about all of them, and so is a
 * Redis that takes no writes.
 */
export function isRefusal(error: unknown): boolean {
  return error instanceof RecordError || explainRefusal(error)?.concerns === "command";
}
