import type { RedisConnection } from "./connection.ts";
import { type DueFollower, readDueFollowers } from "./dueFollowers.ts";
import type { Keys } from "./keys.ts";
import { runScript } from "./scripts.ts";

/**
 * When each live follower is to be judged next. An index: it finds candidates and may be stale; the session decides.
 * A sweep reads only what is due, so it costs as much as there is to change.
 */
export class LivenessIndex {
  readonly #redis: RedisConnection;
  readonly #keys: Keys;

  constructor(redis: RedisConnection, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** Moves a follower's due time later; a time earlier than the stored one changes nothing. */
  async postpone(identifier: string, dueAt: number): Promise<void> {
    await this.#redis.zadd(this.#keys.liveness, "GT", dueAt, identifier);
  }

  /** The followers that are due now, longest due first. */
  async due(limit: number): Promise<DueFollower[]> {
    return readDueFollowers(this.#redis, this.#keys.liveness, limit);
  }

  /** Takes a follower out, unless somebody moved it since it was read. */
  async remove(due: DueFollower): Promise<void> {
    await runScript(this.#redis, "removeIfDue", [this.#keys.liveness], [due.identifier, due.dueAt]);
  }

  async size(): Promise<number> {
    return this.#redis.zcard(this.#keys.liveness);
  }
}
