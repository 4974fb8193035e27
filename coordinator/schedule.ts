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

/** The first run of a schedule is this far ahead: of one that is over when BullMQ looks at the clock, the next is an interval later. */
const SOON_MS = 1_000;

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
    const runs = present !== undefined && (present.next ?? 0) > latest && isWithinInterval(present);
    if (runs && (present.every === everyMs || !setIntervals)) continue;
    const repeat = { every: everyMs, offset: offsetOf(Date.now() + SOON_MS, everyMs) };
    await queue.upsertJobScheduler(name, repeat, { name, data: {}, opts: JOB_RETENTION });
    changed.push(name);
  }
  return changed;
}

/**
 * Where in its interval a schedule runs. BullMQ keeps the offset of an earlier, longer interval when it is given none, and a run
 * that comes late is then followed by one that is as far away as the earlier interval was long.
 */
function offsetOf(firstRun: number, everyMs: number): number {
  // None, to BullMQ, is 0.
  return firstRun % everyMs || 1;
}

/** False for one that has the offset of a longer interval. */
function isWithinInterval({ every = 0, offset = 0 }: { readonly every?: number; readonly offset?: number }): boolean {
  return offset < every;
}
