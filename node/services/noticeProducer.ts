import {
  type Keys,
  type NoticeJob,
  noticeJobOptions,
  QUEUE_NAMES,
  type RedisConnection,
} from "@yonexus/protocol/redis";
import { Queue } from "bullmq";

/** Asks the coordinators to tell the admin. Fails fast while Redis is away. */
export class NoticeProducer {
  readonly #queue: Queue<NoticeJob>;

  /** @param redis opened for `producer`. */
  constructor(redis: RedisConnection, keys: Keys, onError: (error: unknown) => void) {
    this.#queue = new Queue<NoticeJob>(QUEUE_NAMES.notices, { connection: redis, prefix: keys.queuePrefix });
    this.#queue.on("error", onError);
  }

  /** Adds the job, or nothing when it was added before. @param now Redis time (ms). */
  async add(job: NoticeJob, now: number): Promise<void> {
    await this.#queue.add(job.kind, job, noticeJobOptions(job, now));
  }

  async close(): Promise<void> {
    await this.#queue.close();
  }
}
