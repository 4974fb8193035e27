import { HandshakeRate, type HandshakeRateLimits } from "./handshakeRate.ts";

/** Addresses that are remembered; who has more than these to come from is held back by the node's own rate alone. */
export const MAX_ADDRESSES = 4_096;

export interface HandshakeShareLimits extends HandshakeRateLimits {
  /** Handshakes a second that a node begins for one address for long; of the burst an address has a share as large. */
  readonly handshakeRatePerAddress: number;
}

/**
 * What each address may take of a node's handshakes, so that no address leaves none to the others, not even one that closes
 * each socket as soon as it is open. Bounded: the address that was away for longest is forgotten. Times in ms, from any
 * steady clock.
 */
export class HandshakeShares {
  readonly #share: HandshakeRateLimits;
  /** The address that was away for longest comes first. */
  readonly #byAddress = new Map<string, HandshakeRate>();

  constructor({ handshakeRatePerSecond, handshakeBurst, handshakeRatePerAddress }: HandshakeShareLimits) {
    this.#share = {
      handshakeRatePerSecond: handshakeRatePerAddress,
      handshakeBurst: Math.ceil((handshakeBurst * handshakeRatePerAddress) / handshakeRatePerSecond),
    };
  }

  get size(): number {
    return this.#byAddress.size;
  }

  of(address: string, now: number): HandshakeRate {
    const rate = this.#byAddress.get(address) ?? new HandshakeRate(this.#share, now);
    this.#byAddress.delete(address);
    this.#byAddress.set(address, rate);
    if (this.#byAddress.size > MAX_ADDRESSES) {
      const [longestAway] = this.#byAddress.keys();
      if (longestAway !== undefined) this.#byAddress.delete(longestAway);
    }
    return rate;
  }
}
