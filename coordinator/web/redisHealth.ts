import { isCluster, type RedisConnection, redisNow } from "@yonexus/protocol/redis";

/** What a sample tells of Redis. */
export interface RedisSample {
  readonly commands: number | null;
  readonly redisMs: number | null;
  readonly redisMaxMs: number | null;
}

/** How Redis does, as this coordinator sees it: how long it takes to answer, how much it is asked, what it holds. */
export class RedisHealth {
  readonly #redis: RedisConnection;
  #times: number[] = [];
  #counted: { readonly at: number; readonly commands: number } | undefined;
  /** How long it took to answer last (ms). */
  latestMs: number | null = null;
  /** Bytes; null while unknown, and as a limit when there is none. */
  memory: number | null = null;
  maxMemory: number | null = null;
  version = "";

  constructor(redis: RedisConnection) {
    this.#redis = redis;
  }

  /** Asks for the time and takes the time of that. @throws the connection's error. */
  async beat(): Promise<void> {
    const began = performance.now();
    try {
      await redisNow(this.#redis);
      this.latestMs = round(performance.now() - began);
      this.#times.push(this.latestMs);
    } catch (error) {
      this.latestMs = null;
      throw error;
    }
  }

  /** What happened since the last sample. Of a Redis Cluster only the times are known. */
  async sample(): Promise<RedisSample> {
    const times = this.#times.toSorted((one, other) => one - other);
    this.#times = [];
    const redisMs = times[Math.floor(times.length / 2)] ?? null;
    const redisMaxMs = times.at(-1) ?? null;
    return { commands: isCluster(this.#redis) ? null : await this.#count(), redisMs, redisMaxMs };
  }

  async #count(): Promise<number | null> {
    const info = parseInfo(await this.#redis.info());
    const number = (name: string): number | null => (info.has(name) ? Number(info.get(name)) : null);
    this.memory = number("used_memory");
    this.maxMemory = number("maxmemory") || null;
    this.version = info.get("valkey_version") ?? info.get("redis_version") ?? "";
    const [commands, before] = [number("total_commands_processed"), this.#counted];
    const now = performance.now();
    this.#counted = commands === null ? undefined : { at: now, commands };
    // A server that was started again counts from nothing.
    if (commands === null || before === undefined || commands < before.commands) return null;
    return round(((commands - before.commands) * 1_000) / (now - before.at));
  }
}

function parseInfo(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split("\r\n").flatMap((line): [string, string][] => {
      const place = line.indexOf(":");
      return place < 1 ? [] : [[line.slice(0, place), line.slice(place + 1)]];
    }),
  );
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
