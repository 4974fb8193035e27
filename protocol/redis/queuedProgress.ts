import type { ReceiptOutcome } from "./nodeMessages.ts";
import type { ReceiptListener } from "./receiptsWaiting.ts";

/** What is heard of one queued message, one thing after the other. */
export class QueuedProgress implements ReceiptListener {
  readonly #deadline: number;
  #heard: ReceiptOutcome | undefined;
  #wake: () => void = () => {};
  #isClosed = false;

  /** @param deadline by the monotonic clock (ms). */
  constructor(deadline: number) {
    this.#deadline = deadline;
  }

  heard(outcome: ReceiptOutcome): boolean {
    this.#heard = outcome;
    this.#wake();
    return true;
  }

  late(): void {
    this.#isClosed = true;
    this.#wake();
  }

  /** The last receipt since the one before; undefined when none came within `pauseMs`; `late` when the time is up. */
  async next(pauseMs: number): Promise<ReceiptOutcome | "late" | undefined> {
    if (this.#heard === undefined && !this.#isClosed) {
      const waitMs = Math.min(pauseMs, this.#deadline - performance.now());
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.max(0, waitMs));
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    const heard = this.#heard;
    this.#heard = undefined;
    if (heard !== undefined) return heard;
    return this.#isClosed || performance.now() >= this.#deadline ? "late" : undefined;
  }
}
