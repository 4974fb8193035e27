import { redisNow } from "./clock.ts";
import type { RedisConnection } from "./connection.ts";
import { COORDINATOR_SOURCE, type Keys } from "./keys.ts";
import { runScript } from "./scripts.ts";

/** A configuration that feeds the allowlist. */
export interface AllowlistSource {
  /** `coordinator`, or `gateway:…` of an OpenClaw gateway. */
  readonly source: string;
  /** When it was last applied, or said to be in use. Redis time (ms). */
  readonly renewedAt: number;
}

/** A source counts for so long after it was last renewed (ms). After that nobody applies its list any more. */
export const SOURCE_KEPT_MS = 30 * 86_400_000;
/** A name goes into the name of a key and of a field. */
const SOURCE = /^[A-Za-z0-9.:_-]{1,64}$/u;

/**
 * Which configurations feed the allowlist, when each was last in use, and whom each names. All of it is an index: what a
 * configuration names stands in the trust of each follower.
 */
export class AllowlistSources {
  readonly #redis: RedisConnection;
  readonly #keys: Keys;

  constructor(redis: RedisConnection, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** Whom a source names, and may have named before. */
  async named(source: string): Promise<string[]> {
    return this.#redis.smembers(this.#keys.configuredBy(source));
  }

  /** A source that is in use now names these too. */
  async note(source: string, identifiers: readonly string[]): Promise<void> {
    // The source first: stopped in between, it is found when it lapses.
    await this.#redis.zadd(this.#keys.followerSources, "GT", await redisNow(this.#redis), source);
    await this.#redis.sadd(this.#keys.configuredBy(source), ...identifiers);
  }

  async unlist(source: string, identifiers: readonly string[]): Promise<void> {
    if (identifiers.length > 0) await this.#redis.srem(this.#keys.configuredBy(source), ...identifiers);
  }

  /** The source is in use still. False of one that is not noted, or lapsed: it must be applied again. */
  async renew(source: string): Promise<boolean> {
    const reply = await runScript(this.#redis, "renewSource", [this.#keys.followerSources], [source, SOURCE_KEPT_MS]);
    return reply.outcome("renewed", "lapsed") === "renewed";
  }

  /** All of them, the longest unrenewed first, with how many followers each names. */
  async list(): Promise<(AllowlistSource & { readonly followers: number })[]> {
    const sources = readSources(await this.#redis.zrange(this.#keys.followerSources, "0", "-1", "WITHSCORES"));
    return Promise.all(
      sources.map(async (each) => ({
        ...each,
        followers: await this.#redis.scard(this.#keys.configuredBy(each.source)),
      })),
    );
  }

  /** @returns whether it was there. */
  async forget(source: string): Promise<boolean> {
    return (await this.#redis.zrem(this.#keys.followerSources, source)) > 0;
  }

  /** Those that lapsed, the longest first. The coordinators' own never does: they are who looks. */
  async lapsed(most: number): Promise<AllowlistSource[]> {
    const until = (await redisNow(this.#redis)) - SOURCE_KEPT_MS;
    const key = this.#keys.followerSources;
    const found = readSources(await this.#redis.zrangebyscore(key, "-inf", until, "WITHSCORES", "LIMIT", 0, most + 1));
    return found.filter(({ source }) => source !== COORDINATOR_SOURCE).slice(0, most);
  }

  /** Takes a source out that lapsed, with its list, unless it is in use again. */
  async retire({ source, renewedAt }: AllowlistSource): Promise<void> {
    const key = this.#keys.followerSources;
    if (Number(await this.#redis.zscore(key, source)) !== renewedAt) return;
    const names = await this.named(source);
    // Only what is known: what is written meanwhile is its new list. The source last: stopped in between, the next sweep finds it again.
    await this.unlist(source, names);
    const reply = await runScript(this.#redis, "removeIfDue", [key], [source, renewedAt]);
    // In use again meanwhile, and it may have named them again before they were taken out. A name too many in an index is harmless.
    if (reply.outcome("removed", "moved") === "moved" && names.length > 0)
      await this.#redis.sadd(this.#keys.configuredBy(source), ...names);
  }

  /** Of these sources the one that was longest unrenewed, and before all of them one that is not noted. Never the coordinators'. */
  async oldest(sources: readonly string[]): Promise<string> {
    const others = sources.filter((source) => source !== COORDINATOR_SOURCE);
    const scores = others.length === 0 ? [] : await this.#redis.zmscore(this.#keys.followerSources, ...others);
    const byAge = others
      .map((source, index) => ({ source, renewedAt: Number(scores[index] ?? 0) }))
      .toSorted((one, other) => one.renewedAt - other.renewedAt);
    return byAge[0]?.source ?? "";
  }
}

/** Whether a configuration of the allowlist may be called so. */
export function isSource(text: string): boolean {
  return SOURCE.test(text);
}

/** @throws TypeError for what can be no source. */
export function requireSource(source: string): void {
  if (isSource(source)) return;
  throw new TypeError(`${JSON.stringify(source)} names no configuration: give it 1 to 64 of A-Za-z0-9.:_- .`);
}

function readSources(entries: readonly string[]): AllowlistSource[] {
  return entries.flatMap((source, index) =>
    index % 2 === 0 ? [{ source, renewedAt: Number(entries[index + 1]) }] : [],
  );
}
