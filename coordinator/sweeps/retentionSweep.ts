import {
  type Keys,
  type PairingStore,
  type RedisConnection,
  type RuleStore,
  redisNow,
  type TrustStore,
} from "@yonexus/protocol/redis";
import { TimeBudget } from "./timeBudget.ts";

export interface RetentionCounts {
  pairings: number;
  rules: number;
  coordinators: number;
  /** Configurations of the allowlist that nobody applies any more. */
  sources: number;
  /** Followers that only those had let in. */
  disallowed: number;
}

export interface RetentionSweepOptions {
  readonly batch: number;
  readonly budgetMs: number;
}

interface RetentionStores {
  readonly pairings: PairingStore;
  readonly rules: RuleStore;
  readonly trust: TrustStore;
}

/** A coordinator that is gone stays listed for so long (ms), so that a person can see that there was one. */
const COORDINATOR_MEMORY_MS = 600_000;

/** Takes out of the indexes what is over. Redis drops the records themselves, by their TTL. */
export class RetentionSweep {
  readonly #redis: RedisConnection;
  readonly #keys: Keys;
  readonly #stores: RetentionStores;
  readonly #options: RetentionSweepOptions;

  constructor(redis: RedisConnection, keys: Keys, stores: RetentionStores, options: RetentionSweepOptions) {
    this.#redis = redis;
    this.#keys = keys;
    this.#stores = stores;
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<RetentionCounts> {
    const pairings = await this.#stores.pairings.forgetExpired();
    const coordinators = await this.#redis.zremrangebyscore(
      this.#keys.coordinators,
      "-inf",
      (await redisNow(this.#redis)) - COORDINATOR_MEMORY_MS,
    );
    const rules = await this.#forgetIdleRules(signal);
    return { pairings, coordinators, rules, ...(await this.#retireSources(signal)) };
  }

  async #retireSources(signal: AbortSignal): Promise<Pick<RetentionCounts, "sources" | "disallowed">> {
    const budget = new TimeBudget(this.#options.budgetMs, signal);
    const counts = { sources: 0, disallowed: 0 };
    for (const lapsed of await this.#stores.trust.lapsedSources(this.#options.batch)) {
      if (budget.isSpent) break;
      counts.disallowed += (await this.#stores.trust.retireSource(lapsed)).length;
      counts.sources++;
    }
    return counts;
  }

  async #forgetIdleRules(signal: AbortSignal): Promise<number> {
    const budget = new TimeBudget(this.#options.budgetMs, signal);
    const idle = (await this.#stores.rules.list()).filter(
      ({ replicas, backlog, deadLetters }) => replicas.length === 0 && backlog === 0 && deadLetters === 0,
    );
    let forgotten = 0;
    for (let start = 0; start < idle.length && !budget.isSpent; start += this.#options.batch) {
      const batch = idle.slice(start, start + this.#options.batch);
      const outcomes = await Promise.all(batch.map(async ({ rule }) => this.#stores.rules.forgetIfIdle(rule)));
      forgotten += outcomes.filter((outcome) => outcome).length;
    }
    return forgotten;
  }
}
