import type { RedisConnection } from "./connection.ts";
import { SchemaMismatchError } from "./errors.ts";
import type { Keys } from "./keys.ts";

/** Rises when a key changes its meaning. */
export const SCHEMA_VERSION = "1";

/**
 * Checks that the key space is ours, and marks an empty one. Every process calls it before anything else.
 * @throws SchemaMismatchError when another version wrote it, or something that is no Yonexus; nothing was written.
 */
export async function ensureSchemaVersion(redis: RedisConnection, keys: Keys): Promise<void> {
  const stored = await mark(redis, keys);
  if (stored === null || stored === SCHEMA_VERSION) return;
  throw new SchemaMismatchError(
    stored !== undefined && /^\d{1,9}$/u.test(stored)
      ? `The keys under "${keys.prefix}" were written by schema version ${stored}, and this is version ${SCHEMA_VERSION}: ` +
          "run the matching release, or set YONEXUS_KEY_PREFIX to a new prefix."
      : `${keys.schemaVersion} holds no schema version of Yonexus: the prefix "${keys.prefix}" belongs to something else in ` +
          "this Redis. Set YONEXUS_KEY_PREFIX to a prefix that is free.",
  );
}

/** What was there before: null when nothing was and it is marked now, undefined when that is no text. */
async function mark(redis: RedisConnection, keys: Keys): Promise<string | null | undefined> {
  try {
    return await redis.set(keys.schemaVersion, SCHEMA_VERSION, "NX", "GET");
  } catch (error) {
    if (error instanceof Error && error.message.startsWith("WRONGTYPE")) return undefined;
    throw error;
  }
}
