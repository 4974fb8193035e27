import { randomBytes } from "node:crypto";
import { explainRefusal, type Keys, type RedisConnection } from "../../redis/index.ts";
import { broken, type Finding, ok, warning } from "./finding.ts";
import type { RedisInfo } from "./redisChecks.ts";

/** So much of its limit may be in use before a person should look at it. */
const FULL_SHARE = 0.9;
/** The key of the trial goes by itself if this process ends before it takes it away (ms). */
const TRIAL_MS = 10_000;

/** How much of its limit Redis has in use. */
export function judgeMemory(info: RedisInfo): Finding {
  const check = "memory";
  const used = Number(info.get("used_memory") ?? Number.NaN);
  if (Number.isNaN(used)) return ok(check, "not told");
  const limit = Number(info.get("maxmemory") ?? 0);
  if (limit === 0) return ok(check, `${megabytes(used)} in use, no limit`);
  const found = `${megabytes(used)} of ${megabytes(limit)} in use (maxmemory)`;
  if (used <= FULL_SHARE * limit) return ok(check, found);
  return warning(check, found, "Raise maxmemory in redis.conf, or give Redis a machine with more memory.");
}

/** Whether Redis takes a write: it may answer all reads, and refuse what would change something. */
export async function checkWriting(redis: RedisConnection, keys: Keys): Promise<Finding> {
  const check = "writing";
  const key = keys.trial(randomBytes(6).toString("hex"));
  try {
    await redis.set(key, "1", "PX", TRIAL_MS);
    await redis.del(key);
    return ok(check, "a key was written and taken away");
  } catch (error) {
    const refusal = explainRefusal(error);
    if (refusal === undefined) throw error;
    return broken(check, refusal.found, refusal.mend);
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MB`;
}
