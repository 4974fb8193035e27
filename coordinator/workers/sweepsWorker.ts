import type { Logger } from "@yonexus/protocol/log";
import { QUEUE_NAMES } from "@yonexus/protocol/redis";
import { type Job, Worker, type WorkerOptions } from "bullmq";
import type { SweepJob } from "../queues.ts";
import { SWEEPS, type SweepName } from "../schedule.ts";
import type { DeadNodeSweep } from "../sweeps/deadNodeSweep.ts";
import type { LivenessSweep } from "../sweeps/livenessSweep.ts";
import type { QueueSweep } from "../sweeps/queueSweep.ts";
import type { RetentionSweep } from "../sweeps/retentionSweep.ts";

export interface Sweeps {
  readonly liveness: LivenessSweep;
  readonly deadNodes: DeadNodeSweep;
  readonly queues: QueueSweep;
  readonly retention: RetentionSweep;
}

/** Hears how sweeps went, to count it. */
export interface SweepMeter {
  /** A run came to its end. @param counts what it changed. */
  swept(sweep: SweepName, ms: number, counts: Readonly<Record<string, number | boolean>>): void;
  sweepFailed(sweep: SweepName): void;
}

/** Runs the scheduled sweeps, one at a time. */
export class SweepsWorker {
  readonly worker: Worker<SweepJob, void>;
  readonly #sweeps: Sweeps;
  readonly #logger: Logger;
  readonly #signal: AbortSignal;
  readonly #meter: SweepMeter;

  /** @param signal ends the sweep that is under way, at its next batch. */
  constructor(sweeps: Sweeps, meter: SweepMeter, logger: Logger, signal: AbortSignal, options: WorkerOptions) {
    this.#meter = meter;
    this.#sweeps = sweeps;
    this.#logger = logger;
    this.#signal = signal;
    this.worker = new Worker<SweepJob, void>(QUEUE_NAMES.sweeps, async (job) => this.#run(job), {
      ...options,
      concurrency: 1,
    });
    this.worker.on("failed", (job, error) => {
      const name = SWEEPS.find((known) => known === job?.name);
      if (name !== undefined) this.#meter.sweepFailed(name);
      this.#logger.warn(
        { event: "sweep_failed", sweep: job?.name, error: error.message },
        "A sweep failed: the next run does its work.",
      );
    });
  }

  async #run(job: Job<SweepJob, void>): Promise<void> {
    const name = job.name as SweepName;
    const began = performance.now();
    switch (name) {
      case "liveness": {
        const counts = await this.#sweeps.liveness.run(this.#signal);
        this.#ended(name, began, { ...counts }, counts.unstable + counts.offline + counts.broken);
        return;
      }
      case "deadNodes": {
        const counts = await this.#sweeps.deadNodes.run(this.#signal);
        this.#ended(name, began, { ...counts }, counts.nodes + counts.sessions);
        return;
      }
      case "queues": {
        const counts = await this.#sweeps.queues.run(this.#signal);
        this.#ended(name, began, { ...counts }, counts.expired + counts.forgotten + counts.broken);
        return;
      }
      case "retention": {
        const counts = await this.#sweeps.retention.run(this.#signal);
        this.#ended(name, began, { ...counts }, counts.pairings + counts.rules + counts.coordinators + counts.sources);
        return;
      }
      default:
        // Another release's schedule, which only that release can run.
        this.#logger.warn(
          { event: "sweep_unknown", sweep: name satisfies never },
          "There is no such sweep in this release.",
        );
    }
  }

  #ended(sweep: SweepName, began: number, counts: Record<string, number | boolean>, changes: number): void {
    this.#meter.swept(sweep, performance.now() - began, counts);
    if (changes > 0) this.#logger.info({ event: "sweep_changed", sweep, ...counts }, "A sweep changed something.");
    else this.#logger.debug({ event: "sweep_unchanged", sweep, ...counts }, "A sweep found nothing to change.");
  }
}
