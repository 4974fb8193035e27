/** How often something may be tried: `limit` times within `windowMs` by one address or session, and ten times that by all together. */
export interface AttemptLimits {
  readonly limit: number;
  readonly windowMs: number;
}

/** Together they may try so many times as much as one. */
const TOGETHER = 10;

/** Counts tries in fixed windows, so that what is kept is bounded: no more addresses, or sessions, than tries count. */
export class Attempts {
  readonly #limits: AttemptLimits;
  #windowStart = Number.NEGATIVE_INFINITY;
  #total = 0;
  #byWhom = new Map<string, number>();

  constructor(limits: AttemptLimits) {
    this.#limits = limits;
  }

  /** Counts a try, unless it is one too many. @param now by a clock that does not jump (ms). */
  take(who: string, now: number): boolean {
    const { limit, windowMs } = this.#limits;
    if (now - this.#windowStart >= windowMs) {
      this.#windowStart = now;
      this.#total = 0;
      this.#byWhom = new Map();
    }
    const own = this.#byWhom.get(who) ?? 0;
    if (own >= limit || this.#total >= limit * TOGETHER) return false;
    this.#byWhom.set(who, own + 1);
    this.#total += 1;
    return true;
  }
}
