import type { Keys, RedisConnection } from "../../redis/index.ts";
import type { NextSteps } from "../nextSteps.ts";
import { checkCertificates } from "./certificateCheck.ts";
import { checkCoordinators, checkDeadLetters, checkLastSweep, checkNodes } from "./clusterChecks.ts";
import type { Finding } from "./finding.ts";
import { checkMasterKeys } from "./masterKeyCheck.ts";
import { checkWriting, judgeMemory } from "./memoryChecks.ts";
import { checkSchema, judgeInfo, judgeSkew, measureSkew, parseInfo } from "./redisChecks.ts";

export interface ExaminedCluster {
  /** Opened for `commands`. */
  readonly redis: RedisConnection;
  readonly keys: Keys;
  /** How long the lease of a node lasts (ms). */
  readonly leaseMs: number;
  /** Those of this process, when they are meant for this cluster: compared with those of the live processes. */
  readonly masterKeys?: readonly Uint8Array[];
  readonly next: NextSteps;
  /** What else to look at, last, where the keys can be read. */
  readonly more?: () => Promise<readonly Finding[]>;
}

/** Looks at a Redis that answers, and at the cluster around it. @throws the error of a connection that is lost meanwhile. */
export async function examineCluster({
  redis,
  keys,
  leaseMs,
  masterKeys = [],
  next,
  more,
}: ExaminedCluster): Promise<Finding[]> {
  const info = parseInfo(await redis.info());
  const schema = await checkSchema(redis, keys, next);
  return [
    ...judgeInfo(info),
    judgeMemory(info),
    await checkWriting(redis, keys),
    judgeSkew(await measureSkew(redis)),
    schema,
    // Keys of another version cannot be read.
    ...(schema.status === "broken"
      ? []
      : [
          await checkNodes(redis, keys),
          ...(await checkCertificates(redis, keys)),
          await checkCoordinators(redis, keys),
          await checkMasterKeys(redis, keys, masterKeys, next),
          await checkLastSweep(redis, keys, leaseMs),
          await checkDeadLetters(redis, keys, next),
          ...((await more?.()) ?? []),
        ]),
  ];
}
