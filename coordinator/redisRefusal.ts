import { RecordError } from "@yonexus/protocol/redis";

/** Whether Redis answered, and refused: unlike an error of the connection, this is about the one record. */
export function isRefusal(error: unknown): boolean {
  return error instanceof RecordError || (error instanceof Error && error.name === "ReplyError");
}
