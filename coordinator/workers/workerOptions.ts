import type { RedisConnection } from "@yonexus/protocol/redis";
import type { WorkerOptions } from "bullmq";
import type { Tuning } from "../tuning.ts";

/** A dead process' job is taken up again this often; a notice's pairing has long expired by then. */
const MAX_STALLED = 20;

/** What both workers are opened with. */
export function workerOptions(connection: RedisConnection, queuePrefix: string, tuning: Tuning): WorkerOptions {
  return {
    connection,
    prefix: queuePrefix,
    lockDuration: tuning.lockMs,
    stalledInterval: tuning.stalledCheckMs,
    maxStalledCount: MAX_STALLED,
    // BullMQ's 15 s would be most of the dead-node sweep's patience after an outage of Redis.
    runRetryDelay: 1_000,
  };
}
