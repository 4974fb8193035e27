const WINDOW_MS = 60_000;
const MAX_EXITS = 5;
const FIRST_DELAY_MS = 250;
const MAX_DELAY_MS = 5_000;

/** When to start a process again that ended by itself: later each time, and after too many ends slowly or not at all. */
export class RestartPolicy {
  readonly #slowMs: number | undefined;
  #exits: number[] = [];
  /** While it is tried slowly: when it was to be started again. */
  #slowSince: number | undefined;

  /** @param slowMs how long to wait after too many ends, for as long as it ends within a minute; undefined gives it up then. */
  constructor(slowMs?: number) {
    this.#slowMs = slowMs;
  }

  /** Counts an exit. Returns how long to wait (ms), or undefined when it ended too often. @param now monotonic (ms). */
  next(now: number): number | undefined {
    if (this.#slowSince !== undefined && now - this.#slowSince < WINDOW_MS) return this.#slowly(now);
    this.#slowSince = undefined;
    this.#exits = [...this.#exits.filter((at) => now - at < WINDOW_MS), now];
    if (this.#exits.length >= MAX_EXITS) return this.#slowly(now);
    return Math.min(FIRST_DELAY_MS * 2 ** (this.#exits.length - 1), MAX_DELAY_MS);
  }

  #slowly(now: number): number | undefined {
    if (this.#slowMs === undefined) return undefined;
    this.#exits = [];
    this.#slowSince = now + this.#slowMs;
    return this.#slowMs;
  }
}
