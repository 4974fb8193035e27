/** Lets `ratePerSecond` through on average, and `burst` at once. Time is a parameter (ms, from any steady clock). */
export class TokenBucket {
  readonly #ratePerSecond: number;
  readonly #burst: number;
  #tokens: number;
  #at: number;

  constructor(ratePerSecond: number, burst: number, now: number) {
    this.#ratePerSecond = ratePerSecond;
    this.#burst = burst;
    this.#tokens = burst;
    this.#at = now;
  }

  /** Whether it is as good as new. */
  isFull(now: number): boolean {
    return this.#tokens + ((now - this.#at) * this.#ratePerSecond) / 1000 >= this.#burst;
  }

  /** Takes a token. False when there is none: the message is over the rate. */
  take(now: number): boolean {
    const elapsedMs = Math.max(0, now - this.#at);
    this.#tokens = Math.min(this.#burst, this.#tokens + (elapsedMs * this.#ratePerSecond) / 1000);
    this.#at = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
