import type { Config } from "@yonexus/protocol/config";
import { JOB_RETENTION } from "@yonexus/protocol/redis";
import type { Queue } from "bullmq";
import type { SweepJob } from "./queues.ts";

export const SWEEPS = ["liveness", "deadNodes", "queues", "retention"] as const;
export type SweepName = (typeof SWEEPS)[number];

export type Schedule = Readonly<Record<SweepName, { readonly everyMs: number }>>;

export function scheduleOf(config: Config, retentionEveryMs: number): Schedule {
  return {
    liveness: { everyMs: config.sweepIntervalMs },
    // As often as a node renews: a node is found dead a third of its lease after it lapsed, at the latest.
    deadNodes: { everyMs: Math.ceil(config.leaseMs / 3) },
    queues: { everyMs: config.sweepIntervalMs },
    retention: { everyMs: retentionEveryMs },
  };
}

/** A run this much too late, or this many intervals, was lost: its schedule is set up anew. */
const LATE_MS = 30_000;
const LATE_INTERVALS = 5;

/**
 * Sets up what is missing or stuck, and with `setIntervals` also gives every schedule our interval: so does a coordinator
 * that starts. A schedule has one entry and at most one next job however many coordinators set it up. What another one
 * set up is otherwise left alone: two releases with different intervals must not undo each other all the time.
 */
export async function ensureSchedule(
  queue: Queue<SweepJob>,
  schedule: Schedule,
  setIntervals: boolean,
): Promise<SweepName[]> {
  const changed: SweepName[] = [];
  for (const name of SWEEPS) {
    const { everyMs } = schedule[name];
    const present = await queue.getJobScheduler(name);
    const latest = Date.now() - Math.max(LATE_MS, LATE_INTERVALS * everyMs);
    const runs = present !== undefined && (present.next ?? 0) > latest;
    if (runs && (present.every === everyMs || !setIntervals)) continue;
    await queue.upsertJobScheduler(name, { every: everyMs }, { name, data: {}, opts: JOB_RETENTION });
    changed.push(name);
  }
  return changed;
}
