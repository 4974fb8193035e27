import { explainRefusal } from "@yonexus/protocol/redis";
import type { Worker } from "bullmq";

/**
 * How long a worker asks for no jobs after Redis refused it one (ms). BullMQ asks again at once, without an end. Not longer:
 * the sweep of dead nodes has to go on soon after Redis accepts again.
 */
const PAUSE_MS = 1_000;

/** What is needed of a worker to hold it up, whatever its jobs are. */
export type PausableWorker = Pick<Worker, "pause" | "resume">;

/** Holds a worker up for a moment whenever Redis answers and refuses. Jobs at work go on. */
export class RefusalPause {
  readonly #worker: PausableWorker;
  readonly #onError: (error: unknown) => void;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  /** @param onError the worker could not be held up or let go on. */
  constructor(worker: PausableWorker, onError: (error: unknown) => void) {
    this.#worker = worker;
    this.#onError = onError;
  }

  /** An error that the worker reports. */
  workerError(error: Error): void {
    if (this.#stopped || this.#timer !== undefined || explainRefusal(error) === undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#worker.resume().catch(this.#onError);
    }, PAUSE_MS);
    // Without waiting for the jobs at work: they may need longer than the pause.
    this.#worker.pause(true).catch(this.#onError);
  }

  /** The worker is not touched any more: it is about to be closed. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }
}
