import { isCluster, type Keys, type RedisConnection, redisNow } from "@yonexus/protocol/redis";

/**
 * Tells whether leases may have lapsed because Redis was away, and not because their nodes died. Then every node gets one
 * more lease to come back.
 *
 * The sign is a gap between runs of the sweep. Nodes renew every third of the lease, so leases lapse without their nodes'
 * fault only while Redis is away for two thirds of it or longer, and then no sweep ran for so long either. That no
 * coordinator ran looks the same, and costs one lease of patience. Redis' own start is a second sign.
 */
export class OutageGuard {
  readonly #redis: RedisConnection;
  readonly #keys: Keys;
  readonly #leaseMs: number;

  constructor(redis: RedisConnection, keys: Keys, leaseMs: number) {
    this.#redis = redis;
    this.#keys = keys;
    this.#leaseMs = leaseMs;
  }

  /** Records this run of the sweep. True when it must end nothing. */
  async mustWait(): Promise<boolean> {
    const ranKey = this.#keys.sweptAt("deadNodes");
    const waitKey = this.#keys.sweptAt("deadNodesAfterGap");
    const [now, ranAt, waiting, justStarted] = await Promise.all([
      redisNow(this.#redis),
      this.#redis.get(ranKey),
      this.#redis.exists(waitKey),
      this.#redisJustStarted(),
    ]);
    const gap = ranAt === null || now - Number(ranAt) >= (this.#leaseMs * 2) / 3;
    // First the wait, then the run: stopped in between, the next run finds the gap again.
    if (gap || justStarted) await this.#redis.set(waitKey, now, "PX", this.#leaseMs);
    await this.#redis.set(ranKey, now);
    return gap || justStarted || waiting === 1;
  }

  async #redisJustStarted(): Promise<boolean> {
    // In a Redis Cluster one server's start says nothing about the others that hold the leases.
    if (isCluster(this.#redis)) return false;
    const uptime = /^uptime_in_seconds:(\d+)/mu.exec(await this.#redis.info("server"))?.[1];
    return uptime !== undefined && Number(uptime) * 1000 < this.#leaseMs * 2;
  }
}
