import type { RedisConnection } from "./connection.ts";
import { SchemaMismatchError } from "./errors.ts";
import type { Keys } from "./keys.ts";

/** Rises when a key changes its meaning. */
export const SCHEMA_VERSION = "1";

/**
 * Checks that the key space is ours, and marks an empty one. Every process calls it before anything else.
 * @throws SchemaMismatchError when another version wrote it; nothing was written.
 */
export async function ensureSchemaVersion(redis: RedisConnection, keys: Keys): Promise<void> {
  await redis.set(keys.schemaVersion, SCHEMA_VERSION, "NX");
  const stored = await redis.get(keys.schemaVersion);
  if (stored !== SCHEMA_VERSION) {
    throw new SchemaMismatchError(
      `The keys under "${keys.prefix}" were written by schema version ${stored}, and this is version ${SCHEMA_VERSION}: ` +
        "run the matching release, or set YONEXUS_KEY_PREFIX to a new prefix.",
    );
  }
}
