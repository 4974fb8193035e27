import { type Keys, type NoticeJob, QUEUE_NAMES, type RedisConnection } from "@yonexus/protocol/redis";
import { Queue } from "bullmq";

/** BullMQ's record of what happened to jobs: nobody reads it but a person who looks into a fault. */
const MAX_EVENTS = 1_000;

/** A sweep has nothing to be told: all it needs is in Redis. */
export type SweepJob = Readonly<Record<string, never>>;

export interface Queues {
  readonly sweeps: Queue<SweepJob>;
  readonly notices: Queue<NoticeJob>;
}

export function openQueues(producer: RedisConnection, keys: Keys, onError: (error: Error) => void): Queues {
  const options = {
    connection: producer,
    prefix: keys.queuePrefix,
    streams: { events: { maxLen: MAX_EVENTS } },
  };
  const queues = {
    sweeps: new Queue<SweepJob>(QUEUE_NAMES.sweeps, options),
    notices: new Queue<NoticeJob>(QUEUE_NAMES.notices, options),
  };
  for (const queue of Object.values(queues)) queue.on("error", onError);
  return queues;
}
