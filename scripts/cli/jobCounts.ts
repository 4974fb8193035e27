import { type Keys, QUEUE_NAMES, type RedisConnection } from "@yonexus/protocol/redis";
import { Queue } from "bullmq";

/** The jobs of one of the coordinators' queues. */
export interface JobCount {
  readonly queue: string;
  readonly waiting: number;
  readonly delayed: number;
  readonly failed: number;
}

/** The coordinators' queues, to be counted again and again. */
export class JobCounts {
  readonly #queues: readonly Queue[];

  /** @param producer opened for `producer`. It stays the caller's to close. */
  constructor(producer: RedisConnection, keys: Keys) {
    this.#queues = Object.values(QUEUE_NAMES).map((name) => {
      // Nothing is written: without the option the queue would store its own settings.
      const queue = new Queue(name, { connection: producer, prefix: keys.queuePrefix, skipMetasUpdate: true });
      queue.on("error", () => {});
      return queue;
    });
  }

  async read(): Promise<JobCount[]> {
    return Promise.all(
      this.#queues.map(async (queue) => {
        const { waiting = 0, delayed = 0, failed = 0 } = await queue.getJobCounts("waiting", "delayed", "failed");
        return { queue: queue.name, waiting, delayed, failed };
      }),
    );
  }

  async close(): Promise<void> {
    await Promise.all(this.#queues.map((queue) => queue.close()));
  }
}
