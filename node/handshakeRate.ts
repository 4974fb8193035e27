import { TokenBucket } from "./session/tokenBucket.ts";

/** Nobody is asked to wait for longer (s). */
export const MAX_RETRY_AFTER_S = 15;

export interface HandshakeRateLimits {
  /** Handshakes a second that a node begins for long. */
  readonly handshakeRatePerSecond: number;
  /** Handshakes that it begins at once. */
  readonly handshakeBurst: number;
}

/**
 * How fast a node begins handshakes, and when those that it refuses may come back. Followers that lost their node come back
 * together: the node takes as many as it can serve beside its sessions, and spreads the others over the time that taking
 * them needs. Times in ms, from any steady clock.
 */
export class HandshakeRate {
  readonly #ratePerMs: number;
  readonly #bucket: TokenBucket;
  /** Refused lately, less those that could be taken since: about so many are still to come back. */
  #refused = 0;
  #at: number;

  constructor(limits: HandshakeRateLimits, now: number) {
    this.#ratePerMs = limits.handshakeRatePerSecond / 1000;
    this.#bucket = new TokenBucket(limits.handshakeRatePerSecond, limits.handshakeBurst, now);
    this.#at = now;
  }

  /** Takes one handshake of the rate; false when there is none. */
  take(now: number): boolean {
    return this.#bucket.take(now);
  }

  /**
   * Counts one that was refused. @returns whole seconds, drawn from a span that holds all that were refused lately.
   * @param random from 0 up to, not including, 1.
   */
  retryAfterS(now: number, random: number): number {
    const taken = Math.max(0, now - this.#at) * this.#ratePerMs;
    this.#at = now;
    const most = MAX_RETRY_AFTER_S * 1000 * this.#ratePerMs;
    this.#refused = Math.min(most, Math.max(0, this.#refused - taken) + 1);
    const span = Math.max(1, Math.ceil(this.#refused / (1000 * this.#ratePerMs)));
    return 1 + Math.floor(random * Math.min(span, MAX_RETRY_AFTER_S));
  }
}
