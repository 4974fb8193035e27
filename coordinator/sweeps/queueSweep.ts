import {
  type DueFollower,
  type MessageQueue,
  type QueueIndex,
  type RedisConnection,
  redisNow,
  type Tidied,
} from "@yonexus/protocol/redis";
import { isRefusal } from "../redisRefusal.ts";
import { TimeBudget } from "./timeBudget.ts";

export interface QueueCounts {
  /** Messages that became dead letters. */
  expired: number;
  /** Records of messages that ended long ago. */
  forgotten: number;
  /** Queues that could not be tidied. */
  broken: number;
  /** There was more to do than time. */
  unfinished: boolean;
}

export interface QueueSweepOptions {
  readonly budgetMs: number;
}

/** Queues tidied together: each may take a script's longest time. */
const BATCH = 50;
/** A queue that cannot be tidied is tried again after this (ms). */
const BROKEN_AGAIN_MS = 60_000;

/**
 * Tidies every queue that is due. An entry never stays due: it is moved to its next time, which lies ahead, or behind all
 * that are due now, or removed.
 */
export class QueueSweep {
  readonly #redis: RedisConnection;
  readonly #index: QueueIndex;
  readonly #queue: Pick<MessageQueue, "tidy">;
  readonly #options: QueueSweepOptions;

  constructor(
    redis: RedisConnection,
    index: QueueIndex,
    queue: Pick<MessageQueue, "tidy">,
    options: QueueSweepOptions,
  ) {
    this.#redis = redis;
    this.#index = index;
    this.#queue = queue;
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<QueueCounts> {
    const budget = new TimeBudget(this.#options.budgetMs, signal);
    const counts: QueueCounts = { expired: 0, forgotten: 0, broken: 0, unfinished: false };
    for (;;) {
      const due = await this.#index.due(BATCH);
      await Promise.all(due.map(async (queue) => this.#tidy(queue, counts, budget)));
      if (due.length < BATCH) return counts;
      if (budget.isSpent) return { ...counts, unfinished: true };
    }
  }

  async #tidy(due: DueFollower, counts: QueueCounts, budget: TimeBudget): Promise<void> {
    try {
      let tidied: Tidied;
      do {
        tidied = await this.#queue.tidy(due.identifier);
        counts.expired += tidied.expired;
        counts.forgotten += tidied.forgotten;
      } while (tidied.more && !budget.isSpent);
      // What is queued meanwhile notes its time first: the entry is changed then, and stays.
      await this.#index.settle(due, tidied.more ? await redisNow(this.#redis) : tidied.nextDueAt);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      // One damaged queue must not stand at the head of the index for ever, before all others.
      await this.#index.settle(due, (await redisNow(this.#redis)) + BROKEN_AGAIN_MS);
      counts.broken += 1;
    }
  }
}
