import type { Stores } from "../support/stores.ts";

const DAY_MS = 86_400_000;

/** Lets a source be so much longer unrenewed (ms), in place of waiting for so long. @param identifiers whom it may name. */
export async function ageSource(
  { redis, keys }: Stores,
  source: string,
  identifiers: readonly string[],
  byMs: number,
): Promise<void> {
  if ((await redis.zscore(keys.followerSources, source)) === null) return;
  await redis.zincrby(keys.followerSources, -byMs, source);
  for (const { trust } of identifiers.map((identifier) => keys.follower(identifier))) {
    const field = `by:${source}`;
    if ((await redis.hexists(trust, field)) === 1) await redis.hincrby(trust, field, -byMs);
  }
}

/** Lets a source lapse, and does what the sweep does then. @returns whom that took off the allowlist. */
export async function lapseAndRetire(
  stores: Stores,
  source: string,
  identifiers: readonly string[],
): Promise<string[]> {
  await ageSource(stores, source, identifiers, 31 * DAY_MS);
  const removed: string[] = [];
  for (const lapsed of await stores.trust.lapsedSources(100))
    removed.push(...(await stores.trust.retireSource(lapsed)));
  return removed;
}
