import { TokenBucket } from "./tokenBucket.ts";

/**
 * How fast a follower sends. What is over the rate is refused and told; one that goes on as if nothing had been said, at
 * over twice the rate, is not worth the answers. Time is a parameter (ms, from any steady clock).
 */
export class InboundRate {
  readonly #bucket: TokenBucket;
  readonly #burst: number;
  /** Refused frames, less those that were let through since. */
  #excess = 0;

  constructor(ratePerSecond: number, burst: number, now: number) {
    this.#bucket = new TokenBucket(ratePerSecond, burst, now);
    this.#burst = burst;
  }

  /** Counts a frame. */
  count(now: number): "within" | "over" | "farOver" {
    if (this.#bucket.take(now)) {
      this.#excess = Math.max(0, this.#excess - 1);
      return "within";
    }
    this.#excess += 1;
    return this.#excess > this.#burst ? "farOver" : "over";
  }
}
