import { isNewEnough, OLDEST_REDIS } from "../../local/redisBinary.ts";
import { type Keys, type RedisConnection, readSchema, redisNow, SCHEMA_VERSION } from "../../redis/index.ts";
import { beginSentence, type NextSteps } from "../nextSteps.ts";
import { plainText } from "../plainText.ts";
import { broken, type Finding, ok, warning } from "./finding.ts";

/** The proof of a follower is good for 10 s: a machine that is half of that off will soon have its followers refused. */
const MAX_SKEW_MS = 5_000;

/** The fields of INFO that are looked at, by name. */
export type RedisInfo = ReadonlyMap<string, string>;

export function parseInfo(text: string): RedisInfo {
  const lines = text.split(/\r?\n/u).filter((line) => line.includes(":") && !line.startsWith("#"));
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1)]));
}

/** Version, persistence and eviction, as the server tells them. */
export function judgeInfo(info: RedisInfo): Finding[] {
  return [version(info), persistence(info), eviction(info)];
}

function version(info: RedisInfo): Finding {
  const valkey = info.get("valkey_version");
  const text = valkey ?? info.get("redis_version") ?? "0";
  const name = `${valkey === undefined ? "Redis" : "Valkey"} ${plainText(text)}`;
  if (isNewEnough(text)) return ok("version", name);
  return broken("version", `${name} is too old`, `Run Redis ${OLDEST_REDIS} or later, or Valkey.`);
}

function persistence(info: RedisInfo): Finding {
  if (info.get("aof_enabled") === "1") {
    const failed = info.get("aof_last_write_status") === "err";
    return failed
      ? broken(
          "persistence",
          "the append-only file cannot be written",
          "Make room on its disk, and see the log of Redis.",
        )
      : ok("persistence", "append-only file on");
  }
  return warning(
    "persistence",
    "no append-only file: what changed last is lost when Redis ends",
    "Set `appendonly yes` in redis.conf; for `yonexus up`, put a redis-server on the PATH.",
  );
}

function eviction(info: RedisInfo): Finding {
  const policy = info.get("maxmemory_policy");
  // The server of a cluster in memory does not tell; it never evicts.
  if (policy === undefined || policy === "noeviction") return ok("memory policy", policy ?? "not told");
  const mend = "Set `maxmemory-policy noeviction` in redis.conf: Redis must refuse writes, not forget pairings.";
  const found = `${plainText(policy)}: Redis may forget pairings and jobs when memory is short`;
  // Without a limit nothing is evicted today.
  return (info.get("maxmemory") ?? "0") === "0"
    ? warning("memory policy", found, mend)
    : broken("memory policy", found, mend);
}

/** @param skewMs how far this machine's clock is ahead of that of Redis. */
export function judgeSkew(skewMs: number): Finding {
  const size = Math.abs(skewMs);
  if (size <= MAX_SKEW_MS) return ok("clock", `${Math.round(size)} ms from the clock of Redis`);
  const side = skewMs > 0 ? "ahead of" : "behind";
  return warning(
    "clock",
    `this machine is ${Math.round(size / 1000)} s ${side} Redis`,
    "Keep the clocks of all machines right (NTP): followers on this one may be refused.",
  );
}

/** The clock of this machine less that of Redis (ms), as near as one round trip tells. */
export async function measureSkew(redis: RedisConnection): Promise<number> {
  const before = Date.now();
  const there = await redisNow(redis);
  return (before + Date.now()) / 2 - there;
}

/** Whether the keys are of this version. Nothing is written. */
export async function checkSchema(redis: RedisConnection, keys: Keys, next: NextSteps): Promise<Finding> {
  const schema = await readSchema(redis, keys, next.setting("keyPrefix"));
  if (schema === "current") return ok("schema", `version ${SCHEMA_VERSION} under "${keys.prefix}"`);
  if (schema === "empty") return ok("schema", `nothing is stored under "${keys.prefix}" yet`);
  return broken("schema", schema.found, `${beginSentence(schema.mend)}.`);
}
