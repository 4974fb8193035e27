import { type Finding, ok, warning } from "@yonexus/protocol/operator";
import type { Keys, RedisConnection } from "@yonexus/protocol/redis";
import { JobCounts } from "../jobCounts.ts";

const MANY_WAITING = 100;

/** @param producer opened for `producer`. */
export async function checkQueues(producer: RedisConnection, keys: Keys): Promise<Finding[]> {
  const counts = new JobCounts(producer, keys);
  try {
    return (await counts.read()).map(({ queue, waiting, delayed, failed }) =>
      judgeQueue(queue, waiting, delayed, failed),
    );
  } finally {
    await counts.close();
  }
}

export function judgeQueue(name: string, waiting: number, delayed: number, failed: number): Finding {
  const check = `queue ${name}`;
  const found = `${waiting} waiting, ${delayed} delayed, ${failed} failed`;
  if (waiting > MANY_WAITING)
    return warning(check, found, "Start more coordinators, or see the log of the one that runs.");
  return failed > 0
    ? warning(check, found, "The log of the coordinator says why; they are forgotten after a day.")
    : ok(check, found);
}
