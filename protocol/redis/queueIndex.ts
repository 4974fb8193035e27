import type { RedisConnection } from "./connection.ts";
import { type DueFollower, readDueFollowers } from "./dueFollowers.ts";
import type { Keys } from "./keys.ts";
import { runScript } from "./scripts.ts";

/** Followers whose entry is remembered; beyond them it is written once more. */
const REMEMBERED = 10_000;
/** An entry that is due within this may be moved before the message is queued (ms). */
const MARGIN_MS = 1_000;

/**
 * When each queue must be looked at next. An index, in a slot of its own: it is written before a message is queued, and
 * again after it when a sweep may have come by in between, so that a message never waits without an entry; and it may name
 * queues in which nothing is due.
 */
export class QueueIndex {
  readonly #redis: RedisConnection;
  readonly #keys: Keys;
  /** Entries that this process knows of, oldest known first. They stay as they are until they are due. */
  readonly #known = new Map<string, number>();
  /** Redis time less this process's monotonic clock (ms). */
  #offset = 0;

  constructor(redis: RedisConnection, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** Whether the queue is known to be looked at within a time. */
  covers(identifier: string, withinMs: number): boolean {
    const now = performance.now() + this.#offset;
    const dueAt = this.#known.get(identifier);
    return dueAt !== undefined && dueAt > now + MARGIN_MS && dueAt <= now + withinMs;
  }

  /** Whether the entry lay so far ahead at a time (Redis time, ms) that no sweep can have taken it out by then. */
  wasAhead(identifier: string, at: number): boolean {
    const dueAt = this.#known.get(identifier);
    return dueAt !== undefined && dueAt > at + MARGIN_MS;
  }

  /** Sees to it that the queues are looked at within a time. */
  async note(queues: ReadonlyMap<string, number>): Promise<void> {
    const askedAt = performance.now();
    const reply = await runScript(this.#redis, "noteQueues", [this.#keys.queues], [...queues].flat());
    // Rather too far on than behind, however late the answer is: an entry is then noted anew too early.
    this.#offset = reply.number(1) - askedAt;
    let place = 2;
    for (const identifier of queues.keys()) {
      this.#known.delete(identifier);
      this.#known.set(identifier, reply.number(place++));
    }
    for (const identifier of this.#known.keys()) {
      if (this.#known.size <= REMEMBERED) return;
      this.#known.delete(identifier);
    }
  }

  /** A call that fails may come of a failover, by which Redis lost what was written: nothing is known then. */
  async orForget<T>(call: Promise<T>): Promise<T> {
    try {
      return await call;
    } catch (error) {
      this.#known.clear();
      throw error;
    }
  }

  /** The queues that are due now, longest due first. */
  async due(limit: number): Promise<DueFollower[]> {
    return readDueFollowers(this.#redis, this.#keys.queues, limit);
  }

  /** Moves an entry, or without a time takes it out; unless somebody moved it since it was read. */
  async settle(due: DueFollower, nextDueAt: number | undefined): Promise<void> {
    const key = [this.#keys.queues];
    if (nextDueAt === undefined) await runScript(this.#redis, "removeIfDue", key, [due.identifier, due.dueAt]);
    else await runScript(this.#redis, "moveIfDue", key, [due.identifier, due.dueAt, nextDueAt]);
  }

  async size(): Promise<number> {
    return this.#redis.zcard(this.#keys.queues);
  }
}
