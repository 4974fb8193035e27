import type { RedisConnection } from "./connection.ts";

/** The clock that the cluster shares (ms). */
export async function redisNow(redis: RedisConnection): Promise<number> {
  const [seconds, microseconds] = await redis.time();
  return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
}
