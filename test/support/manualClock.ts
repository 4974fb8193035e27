/** A timer that waits for its time. */
export interface PendingTimer {
  readonly inMs: number;
  /** Whether it alone keeps the process running. */
  readonly keepAlive: boolean;
}

/** A clock that stands still until it is moved. It fits whatever asks for `now()` and `after()`. */
export class ManualClock {
  #now: number;
  readonly #timers = new Set<{ at: number; keepAlive: boolean; run: () => void }>();

  /** @param now unix milliseconds. */
  constructor(now = 1_790_000_000_000) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  after(ms: number, run: () => void, keepAlive: boolean): () => void {
    const timer = { at: this.#now + ms, keepAlive, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** What is to come, soonest first. */
  get pending(): PendingTimer[] {
    return [...this.#timers]
      .sort((a, b) => a.at - b.at)
      .map(({ at, keepAlive }) => ({ inMs: at - this.#now, keepAlive }));
  }

  /** Moves the time and runs what falls due on the way, in its order. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const next = [...this.#timers].sort((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > end) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
    }
    this.#now = end;
  }
}
