import type { Backlog, Backlogs, NodeStore, RedisConnection } from "@yonexus/protocol/redis";
import { type Keys, redisNow } from "@yonexus/protocol/redis";
import type { Queue } from "bullmq";
import { Repeater } from "../repeater.ts";

export const JOB_STATES = ["waiting", "active", "delayed", "failed"] as const;
type JobCounts = Readonly<Record<(typeof JOB_STATES)[number], number>>;

/** What a coordinator sees of the whole cluster. */
export interface ClusterView {
  /** Ready to take followers as far as their lease tells; draining; or with a lapsed lease, and not swept yet. */
  readonly nodes: { readonly live: number; readonly draining: number; readonly lapsed: number };
  readonly coordinators: number;
  readonly sessions: number;
  readonly backlog: Backlog;
  readonly jobs: { readonly sweeps: JobCounts; readonly notices: JobCounts };
}

export interface ClusterLookParts {
  readonly redis: RedisConnection;
  readonly keys: Keys;
  readonly nodes: NodeStore;
  readonly backlogs: Backlogs;
  readonly queues: { readonly sweeps: Queue; readonly notices: Queue };
}

/** Between two looks (ms). */
const LOOK_EVERY_MS = 5_000;
/** What was seen longer ago than this is not told any more (ms). */
const TOLD_FOR_MS = 30_000;

/** Looks at the cluster now and then, so that it costs the same however often somebody asks. */
export class ClusterLook {
  readonly #parts: ClusterLookParts;
  readonly #onError: (error: unknown) => void;
  readonly #repeater: Repeater;
  #seen: { readonly view: ClusterView; readonly at: number } | undefined;

  constructor(parts: ClusterLookParts, onError: (error: unknown) => void) {
    this.#parts = parts;
    this.#onError = onError;
    this.#repeater = new Repeater(LOOK_EVERY_MS, async () => this.look(), onError);
  }

  /** What was seen last; undefined when that is too long ago. */
  get view(): ClusterView | undefined {
    if (this.#seen === undefined || performance.now() - this.#seen.at > TOLD_FOR_MS) return undefined;
    return this.#seen.view;
  }

  /** Looks now, and from now on. */
  start(): void {
    this.look().catch(this.#onError);
    this.#repeater.start();
  }

  async stop(): Promise<void> {
    await this.#repeater.stop();
  }

  /** @throws the connection's error when Redis does not answer: then what was seen before is kept. */
  async look(): Promise<void> {
    const { redis, keys, nodes, backlogs, queues } = this.#parts;
    const now = await redisNow(redis);
    const [records, lapsed, coordinators, backlog, sweeps, notices] = await Promise.all([
      nodes.list(),
      redis.zcount(keys.nodes, "-inf", now),
      redis.zcount(keys.coordinators, now, "+inf"),
      backlogs.look(),
      jobCounts(queues.sweeps),
      jobCounts(queues.notices),
    ]);
    const draining = records.filter((record) => record.draining).length;
    const sessions = records.reduce((sum, record) => sum + record.sessions, 0);
    const view = {
      nodes: { live: records.length - draining, draining, lapsed },
      ...{ coordinators, sessions, backlog, jobs: { sweeps, notices } },
    };
    this.#seen = { view, at: performance.now() };
  }
}

async function jobCounts(queue: Queue): Promise<JobCounts> {
  const counts = await queue.getJobCounts(...JOB_STATES);
  const { waiting = 0, active = 0, delayed = 0, failed = 0 } = counts;
  return { waiting, active, delayed, failed };
}
