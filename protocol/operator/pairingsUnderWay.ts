import type { Keys, RedisConnection } from "../redis/index.ts";

/** A pairing of one follower that waits for its code. Nothing of the code is in it. */
export interface PairingUnderWay {
  readonly fingerprint: string;
  /** Where the follower connected from. */
  readonly address: string;
  /** Redis time (ms). */
  readonly expiresAt: number;
}

/** The pairings of a follower that wait for their codes, soonest to expire first. @param now Redis time (ms). */
export async function pairingsUnderWay(
  redis: RedisConnection,
  keys: Keys,
  identifier: string,
  now: number,
): Promise<PairingUnderWay[]> {
  const members = await redis.zrange(keys.follower(identifier).pairings, `(${now}`, "+inf", "BYSCORE", "WITHSCORES");
  const found: PairingUnderWay[] = [];
  for (let index = 0; index + 1 < members.length; index += 2) {
    const [fingerprint = "", address = ""] = (members[index] ?? "").split(" ");
    found.push({ fingerprint, address, expiresAt: Number(members[index + 1]) });
  }
  return found;
}
