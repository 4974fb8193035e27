import type { RedisConnection } from "./connection.ts";
import { SchemaMismatchError } from "./errors.ts";
import type { Keys } from "./keys.ts";
import { inEnvironment, type SettingNames } from "./settingNames.ts";

/** Rises when a key changes its meaning. */
export const SCHEMA_VERSION = "1";

/** Why a key space cannot be used. */
export interface SchemaProblem {
  /** What is the matter: a clause without its end, for people. */
  readonly found: string;
  /** What to do about it: an imperative without a capital and without an end. */
  readonly mend: string;
}

/**
 * Checks that the key space is ours, and marks an empty one. Every process calls it before anything else.
 * @param setting what the reader calls a setting; as in the environment unless given.
 * @throws SchemaMismatchError when another version wrote it, or something that is no Yonexus; nothing was written.
 */
export async function ensureSchemaVersion(
  redis: RedisConnection,
  keys: Keys,
  setting: SettingNames = inEnvironment,
): Promise<void> {
  const stored = await textOf(redis.set(keys.schemaVersion, SCHEMA_VERSION, "NX", "GET"));
  const schema = judge(stored, keys, setting("keyPrefix"));
  if (typeof schema === "object") throw new SchemaMismatchError(`${schema.found}: ${schema.mend}.`);
}

/**
 * What `ensureSchemaVersion` would say, without writing anything.
 * @param prefixSetting what the reader calls the setting of the prefix.
 */
export async function readSchema(
  redis: RedisConnection,
  keys: Keys,
  prefixSetting: string,
): Promise<"empty" | "current" | SchemaProblem> {
  return judge(await textOf(redis.get(keys.schemaVersion)), keys, prefixSetting);
}

/** @param stored null when nothing is there, undefined when that is no text. */
function judge(
  stored: string | null | undefined,
  { schemaVersion: key, prefix }: Keys,
  prefixSetting: string,
): "empty" | "current" | SchemaProblem {
  if (stored === null) return "empty";
  if (stored === SCHEMA_VERSION) return "current";
  if (stored !== undefined && /^\d{1,9}$/u.test(stored)) {
    return {
      found: `The keys under "${prefix}" were written by schema version ${stored}, and this is version ${SCHEMA_VERSION}`,
      mend: `run the matching release, or set ${prefixSetting} to a new prefix`,
    };
  }
  // Whatever it is, it is not ours to print.
  return {
    found: `${key} holds no schema version of Yonexus, so the prefix "${prefix}" belongs to something else in this Redis`,
    mend: `set ${prefixSetting} to a prefix that is free`,
  };
}

/** The text that a command answers: undefined when its key is of another type. */
async function textOf(answer: Promise<string | null>): Promise<string | null | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Error && error.message.startsWith("WRONGTYPE")) return undefined;
    throw error;
  }
}
