import {
  type DueFollower,
  type LivenessIndex,
  type LivenessThresholds,
  type RedisConnection,
  redisNow,
  type SessionStore,
} from "@yonexus/protocol/redis";
import { isRefusal } from "../redisRefusal.ts";
import type { OwnerNodes } from "./ownerNodes.ts";
import { TimeBudget } from "./timeBudget.ts";

export interface LivenessCounts {
  unstable: number;
  offline: number;
  /** Left to the dead-node sweep. */
  postponed: number;
  /** Records that could not be judged. */
  broken: number;
  /** There was more to do than time. */
  unfinished: boolean;
}

export interface LivenessSweepOptions {
  readonly thresholds: LivenessThresholds;
  readonly leaseMs: number;
  readonly batch: number;
  readonly budgetMs: number;
}

/**
 * Judges every follower that is due, a batch at a time. An entry never stays due: it is judged and moved to its next
 * time, which lies ahead, or removed, or moved ahead unjudged.
 */
export class LivenessSweep {
  readonly #redis: RedisConnection;
  readonly #index: LivenessIndex;
  readonly #sessions: SessionStore;
  readonly #owners: OwnerNodes;
  readonly #options: LivenessSweepOptions;

  constructor(
    redis: RedisConnection,
    index: LivenessIndex,
    sessions: SessionStore,
    owners: OwnerNodes,
    options: LivenessSweepOptions,
  ) {
    this.#redis = redis;
    this.#index = index;
    this.#sessions = sessions;
    this.#owners = owners;
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<LivenessCounts> {
    const budget = new TimeBudget(this.#options.budgetMs, signal);
    const counts: LivenessCounts = { unstable: 0, offline: 0, postponed: 0, broken: 0, unfinished: false };
    for (;;) {
      const due = await this.#index.due(this.#options.batch);
      if (due.length > 0) await this.#judgeBatch(due, counts);
      if (due.length < this.#options.batch) return counts;
      if (budget.isSpent) return { ...counts, unfinished: true };
    }
  }

  async #judgeBatch(due: readonly DueFollower[], counts: LivenessCounts): Promise<void> {
    const lapsed = await this.#owners.withLapsedNode(due.map(({ identifier }) => identifier));
    const toJudge = due.filter(({ identifier }) => !lapsed.has(identifier));
    await Promise.all(toJudge.map(async (follower) => this.#judge(follower, counts)));
    // The node may be back any moment, and say when it heard of the follower last. Judged now, an outage of Redis would
    // turn every follower offline.
    await this.#postponeByLease([...lapsed]);
    counts.postponed += lapsed.size;
  }

  async #judge(follower: DueFollower, counts: LivenessCounts): Promise<void> {
    try {
      const { edge, nextDueAt } = await this.#sessions.judge(follower.identifier, this.#options.thresholds);
      if (edge !== "none") counts[edge] += 1;
      if (nextDueAt === undefined) await this.#index.remove(follower);
      else await this.#index.postpone(follower.identifier, nextDueAt);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      // One damaged record must not stand at the head of the index for ever, before all others.
      await this.#postponeByLease([follower.identifier]);
      counts.broken += 1;
    }
  }

  async #postponeByLease(identifiers: readonly string[]): Promise<void> {
    if (identifiers.length === 0) return;
    const dueAt = (await redisNow(this.#redis)) + this.#options.leaseMs;
    await Promise.all(identifiers.map(async (identifier) => this.#index.postpone(identifier, dueAt)));
  }
}
