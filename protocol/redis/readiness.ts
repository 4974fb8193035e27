import { unlessAborted } from "./aborting.ts";
import type { RedisConnection } from "./connection.ts";
import { RedisUnreachableError } from "./errors.ts";

/** The longest time that a timer can wait (ms). */
export const MAX_WAIT_MS = 2_147_483_647;

/** Waits for one connection on behalf of many, with one set of listeners however many wait. */
export class Readiness {
  readonly #redis: RedisConnection;
  #change: Promise<void> | undefined;
  #lastError: unknown;

  constructor(redis: RedisConnection) {
    this.#redis = redis;
  }

  get isReady(): boolean {
    return this.#redis.status === "ready";
  }

  /**
   * Resolves when the connection is ready.
   * @param timeoutMs may be Infinity.
   * @throws what the connection last failed with when that takes longer than `timeoutMs`, or when it was ended for good; the
   *   signal's reason.
   */
  async within(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.isReady) return;
    if (this.#redis.status !== "end") {
      this.#change ??= this.#nextChange();
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, Math.min(Math.max(1, timeoutMs), MAX_WAIT_MS));
      });
      await unlessAborted(signal, Promise.race([this.#change, late])).finally(() => clearTimeout(timer));
    }
    if (this.isReady) return;
    throw (
      this.#lastError ?? new RedisUnreachableError("Redis did not answer: see that it runs and that its URL is right.")
    );
  }

  /** Until the connection is ready or has ended for good. */
  #nextChange(): Promise<void> {
    return new Promise((resolve) => {
      const onError = (error: unknown): void => {
        this.#lastError = error;
      };
      const onChange = (): void => {
        this.#redis.off("ready", onChange).off("end", onChange).off("error", onError);
        this.#change = undefined;
        if (this.isReady) this.#lastError = undefined;
        resolve();
      };
      this.#redis.on("ready", onChange).on("end", onChange).on("error", onError);
    });
  }
}
