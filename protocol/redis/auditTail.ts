import type { RedisConnection } from "./connection.ts";
import type { Keys } from "./keys.ts";

/** Something that happened to a follower. */
export interface AuditEntry {
  /** Redis time (ms). */
  readonly at: number;
  readonly event: string;
  readonly details: Readonly<Record<string, string>>;
}

/** An entry with the id that it has in the stream. */
export interface AuditRecord extends AuditEntry {
  readonly id: string;
}

/** Below the time after which a connection that blocks counts as dead (ms). */
const BLOCK_MS = 5_000;
const AT_ONCE = 100;

/**
 * What happens to one follower, from a point on. The stream is read, and nothing is missed while Redis is away, but what more than
 * 200 later entries pushed out.
 */
export class AuditTail {
  readonly #redis: RedisConnection;
  readonly #key: string;
  #after: string;

  /**
   * @param redis opened for `blocking`.
   * @param after the id of the last entry that is known, `0` for all of them.
   */
  constructor(redis: RedisConnection, keys: Keys, identifier: string, after: string) {
    this.#redis = redis;
    this.#key = keys.follower(identifier).audit;
    this.#after = after;
  }

  /** The next entries, oldest first; none when nothing happened for a while. @throws the connection's error: ask again. */
  async next(): Promise<AuditRecord[]> {
    const streams = await this.#redis.xread("COUNT", AT_ONCE, "BLOCK", BLOCK_MS, "STREAMS", this.#key, this.#after);
    const records = (streams?.[0]?.[1] ?? []).map(([id, fields]) => readAuditRecord(id, fields));
    this.#after = records.at(-1)?.id ?? this.#after;
    return records;
  }
}

/** @param fields of the stream's entry: names and values in turn. */
export function readAuditRecord(id: string, fields: readonly string[]): AuditRecord {
  const details: Record<string, string> = {};
  let event = "";
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const name = fields[index] ?? "";
    const value = fields[index + 1] ?? "";
    if (name === "event") event = value;
    else details[name] = value;
  }
  return { id, at: Number(id.split("-")[0]), event, details };
}
