const WINDOW_MS = 60_000;
const MAX_EXITS = 5;
const FIRST_DELAY_MS = 250;
const MAX_DELAY_MS = 5_000;

/** When to start a process again that ended by itself: later each time, and not for ever. */
export class RestartPolicy {
  #exits: number[] = [];

  /** Counts an exit. Returns how long to wait (ms), or undefined when it ended too often. @param now monotonic (ms). */
  next(now: number): number | undefined {
    this.#exits = [...this.#exits.filter((at) => now - at < WINDOW_MS), now];
    if (this.#exits.length >= MAX_EXITS) return undefined;
    return Math.min(FIRST_DELAY_MS * 2 ** (this.#exits.length - 1), MAX_DELAY_MS);
  }
}
