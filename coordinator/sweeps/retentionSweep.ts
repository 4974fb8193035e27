import { type Keys, type PairingStore, type RedisConnection, type RuleStore, redisNow } from "@yonexus/protocol/redis";
import { TimeBudget } from "./timeBudget.ts";

export interface RetentionCounts {
  pairings: number;
  rules: number;
  coordinators: number;
}

export interface RetentionSweepOptions {
  readonly batch: number;
  readonly budgetMs: number;
}

/** A coordinator that is gone stays listed for so long (ms), so that a person can see that there was one. */
const COORDINATOR_MEMORY_MS = 600_000;

/** Takes out of the indexes what is over. Redis drops the records themselves, by their TTL. */
export class RetentionSweep {
  readonly #redis: RedisConnection;
  readonly #keys: Keys;
  readonly #pairings: PairingStore;
  readonly #rules: RuleStore;
  readonly #options: RetentionSweepOptions;

  constructor(
    redis: RedisConnection,
    keys: Keys,
    pairings: PairingStore,
    rules: RuleStore,
    options: RetentionSweepOptions,
  ) {
    this.#redis = redis;
    this.#keys = keys;
    this.#pairings = pairings;
    this.#rules = rules;
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<RetentionCounts> {
    const pairings = await this.#pairings.forgetExpired();
    const coordinators = await this.#redis.zremrangebyscore(
      this.#keys.coordinators,
      "-inf",
      (await redisNow(this.#redis)) - COORDINATOR_MEMORY_MS,
    );
    return { pairings, coordinators, rules: await this.#forgetIdleRules(signal) };
  }

  async #forgetIdleRules(signal: AbortSignal): Promise<number> {
    const budget = new TimeBudget(this.#options.budgetMs, signal);
    const idle = (await this.#rules.list()).filter(
      ({ replicas, backlog, deadLetters }) => replicas.length === 0 && backlog === 0 && deadLetters === 0,
    );
    let forgotten = 0;
    for (let start = 0; start < idle.length && !budget.isSpent; start += this.#options.batch) {
      const batch = idle.slice(start, start + this.#options.batch);
      const outcomes = await Promise.all(batch.map(async ({ rule }) => this.#rules.forgetIfIdle(rule)));
      forgotten += outcomes.filter((outcome) => outcome).length;
    }
    return forgotten;
  }
}
