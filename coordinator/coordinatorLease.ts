import { type Keys, type RedisConnection, redisNow } from "@yonexus/protocol/redis";

/** Says that this coordinator lives, for whoever asks whether one does. Nothing is decided by it. */
export class CoordinatorLease {
  readonly #redis: RedisConnection;
  readonly #keys: Keys;
  readonly #coordinatorId: string;
  readonly #leaseMs: number;

  constructor(redis: RedisConnection, keys: Keys, coordinatorId: string, leaseMs: number) {
    this.#redis = redis;
    this.#keys = keys;
    this.#coordinatorId = coordinatorId;
    this.#leaseMs = leaseMs;
  }

  async renew(): Promise<void> {
    const now = await redisNow(this.#redis);
    await this.#redis.zadd(this.#keys.coordinators, now + this.#leaseMs, this.#coordinatorId);
  }

  async release(): Promise<void> {
    await this.#redis.zrem(this.#keys.coordinators, this.#coordinatorId);
  }
}
