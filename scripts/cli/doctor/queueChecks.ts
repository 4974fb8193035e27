import { type Finding, ok, warning } from "@yonexus/protocol/operator";
import { type Keys, QUEUE_NAMES, type RedisConnection } from "@yonexus/protocol/redis";
import { Queue } from "bullmq";

const MANY_WAITING = 100;

/** @param producer opened for `producer`. */
export async function checkQueues(producer: RedisConnection, keys: Keys): Promise<Finding[]> {
  return Promise.all(
    Object.values(QUEUE_NAMES).map(async (name) => {
      // Nothing is written: without the option the queue would store its own settings.
      const queue = new Queue(name, { connection: producer, prefix: keys.queuePrefix, skipMetasUpdate: true });
      queue.on("error", () => {});
      try {
        const { waiting = 0, delayed = 0, failed = 0 } = await queue.getJobCounts("waiting", "delayed", "failed");
        return judgeQueue(name, waiting, delayed, failed);
      } finally {
        await queue.close();
      }
    }),
  );
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
