import { redisNow } from "./clock.ts";
import type { RedisConnection } from "./connection.ts";

/** A follower that an index says is to be looked at. */
export interface DueFollower {
  readonly identifier: string;
  /** The score that made it due (Redis time, ms). */
  readonly dueAt: number;
}

/** The followers that are due now, longest due first. @param index a sorted set, identifier → when it is due. */
export async function readDueFollowers(redis: RedisConnection, index: string, limit: number): Promise<DueFollower[]> {
  const now = await redisNow(redis);
  const members = await redis.zrange(index, "-inf", String(now), "BYSCORE", "LIMIT", 0, limit, "WITHSCORES");
  const due: DueFollower[] = [];
  for (let place = 0; place + 1 < members.length; place += 2) {
    due.push({ identifier: members[place] ?? "", dueAt: Number(members[place + 1]) });
  }
  return due;
}
