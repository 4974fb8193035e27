import { type Keys, type RedisConnection, redisNow } from "@yonexus/protocol/redis";

export interface CoordinatorLeaseOptions {
  readonly coordinatorId: string;
  readonly leaseMs: number;
  /** Of its master keys: another deployment's shows by them. */
  readonly keyIds: readonly string[];
}

/** Says that this coordinator lives, for whoever asks whether one does. Nothing is decided by it. */
export class CoordinatorLease {
  readonly #redis: RedisConnection;
  readonly #keys: Keys;
  readonly #options: CoordinatorLeaseOptions;

  constructor(redis: RedisConnection, keys: Keys, options: CoordinatorLeaseOptions) {
    this.#redis = redis;
    this.#keys = keys;
    this.#options = options;
  }

  async renew(): Promise<void> {
    const { coordinatorId, leaseMs, keyIds } = this.#options;
    const now = await redisNow(this.#redis);
    await Promise.all([
      this.#redis.zadd(this.#keys.coordinators, now + leaseMs, coordinatorId),
      this.#redis.set(this.#keys.coordinatorKeyIds(coordinatorId), keyIds.join(","), "PX", leaseMs),
    ]);
  }

  async release(): Promise<void> {
    const { coordinatorId } = this.#options;
    await Promise.all([
      this.#redis.zrem(this.#keys.coordinators, coordinatorId),
      this.#redis.del(this.#keys.coordinatorKeyIds(coordinatorId)),
    ]);
  }
}
