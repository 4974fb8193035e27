/** How often something may be tried: `limit` times within `windowMs` by one address, and ten times that by all together. */
export interface AttemptLimits {
  readonly limit: number;
  readonly windowMs: number;
}

/** Together they may try so many times as much as one. */
const TOGETHER = 10;

/** Counts tries by address in fixed windows, so that what is kept is bounded: no more addresses than tries count. */
export class Attempts {
  readonly #limits: AttemptLimits;
  #windowStart = Number.NEGATIVE_INFINITY;
  #total = 0;
  #byAddress = new Map<string, number>();

  constructor(limits: AttemptLimits) {
    this.#limits = limits;
  }

  /** Counts a try, unless it is one too many. @param now by a clock that does not jump (ms). */
  take(address: string, now: number): boolean {
    const { limit, windowMs } = this.#limits;
    if (now - this.#windowStart >= windowMs) {
      this.#windowStart = now;
      this.#total = 0;
      this.#byAddress = new Map();
    }
    const own = this.#byAddress.get(address) ?? 0;
    if (own >= limit || this.#total >= limit * TOGETHER) return false;
    this.#byAddress.set(address, own + 1);
    this.#total += 1;
    return true;
  }
}
