import { HandshakeRate } from "./handshakeRate.ts";
import { type HandshakeShareLimits, HandshakeShares } from "./handshakeShares.ts";

/** Why sockets are not let in, as counts of refusals call it. */
export const REFUSAL_CAUSES = [
  "origin",
  "not_ready",
  "full",
  "unauthenticated",
  "rate",
  "address",
  "address_rate",
] as const;
export type RefusalCause = (typeof REFUSAL_CAUSES)[number];

/** Why a socket is not let in, as the HTTP answer before the upgrade. */
export interface Refusal {
  readonly status: 403 | 429 | 503;
  readonly cause: RefusalCause;
  readonly reason: string;
  /** Whole seconds; absent where coming back is of no use. */
  readonly retryAfterS?: number;
}

export interface AdmissionLimits extends HandshakeShareLimits {
  readonly maxConnections: number;
  readonly maxUnauthenticated: number;
  readonly maxUnauthenticatedPerAddress: number;
  readonly maxPendingPairings: number;
  readonly maxPendingPairingsPerAddress: number;
}

const TOO_FAST = { status: 503, cause: "rate", reason: "too many connections come to this node at once" } as const;
const ADDRESS_TOO_FAST = {
  status: 429,
  cause: "address_rate",
  reason: "too many connections come from your address at once",
} as const;

/** WebSockets, by where they count. */
export type SocketCounts = Readonly<Record<Pool, number>>;

/** Where a socket counts: before authentication, waiting for a human, or authenticated. */
type Pool = "unauthenticated" | "pairing" | "authenticated";

/** A socket's place; it counts in one pool at a time. */
export interface Place {
  readonly address: string;
  readonly pool: Pool;
}

/**
 * Counts a node's sockets. Those that have not authenticated are bounded in total and for each address, so that strangers
 * cannot use up a node; those that wait for a human are bounded apart, in the same way, so that they do not keep others
 * from coming in. What comes in faster than handshakes can be served, or than its address may have of them, is sent away for
 * a while, before any work is done for it. Times in ms, from any steady clock.
 */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #rate: HandshakeRate;
  readonly #shares: HandshakeShares;
  readonly #counts: Record<Pool, number> = { unauthenticated: 0, pairing: 0, authenticated: 0 };
  /** Of the pools that are bounded for each address. */
  readonly #byAddress = { unauthenticated: new Map<string, number>(), pairing: new Map<string, number>() };

  constructor(limits: AdmissionLimits, now: number) {
    this.#limits = limits;
    this.#rate = new HandshakeRate(limits, now);
    this.#shares = new HandshakeShares(limits);
  }

  get counts(): SocketCounts {
    return { ...this.#counts };
  }

  /**
   * Why a socket from this address cannot come in now; undefined when it can, and then its handshake counts.
   * @param random from 0 up to, not including, 1: when it is asked to come back.
   */
  refusal(address: string, now: number, random: number): Refusal | undefined {
    const share = this.#shares.of(address, now);
    const refused = this.#full(address) ?? this.#tooFast(share, now);
    if (refused === undefined) return undefined;
    // One address that is sent away a thousand times lets no other wait for longer.
    const rate = refused.status === 429 ? share : this.#rate;
    return { ...refused, retryAfterS: rate.retryAfterS(now, random) };
  }

  #tooFast(share: HandshakeRate, now: number): Omit<Refusal, "retryAfterS"> | undefined {
    // The address first: what is over its share takes nothing from the others.
    if (!share.take(now)) return ADDRESS_TOO_FAST;
    return this.#rate.take(now) ? undefined : TOO_FAST;
  }

  #full(address: string): Omit<Refusal, "retryAfterS"> | undefined {
    const { unauthenticated, pairing, authenticated } = this.#counts;
    if (unauthenticated + pairing + authenticated >= this.#limits.maxConnections) {
      return { status: 503, cause: "full", reason: "this node is full" };
    }
    if (unauthenticated >= this.#limits.maxUnauthenticated) {
      return {
        status: 503,
        cause: "unauthenticated",
        reason: "too many connections are authenticating on this node",
      };
    }
    if (this.#from("unauthenticated", address) >= this.#limits.maxUnauthenticatedPerAddress) {
      return { status: 429, cause: "address", reason: "too many unauthenticated connections from your address" };
    }
    return undefined;
  }

  enter(address: string): Place {
    const place: Place = { address, pool: "unauthenticated" };
    this.#count(place, 1);
    return place;
  }

  /** Into the pool of those that wait for a human; undefined when that is full, or the address has its share of it. */
  waitForHuman(place: Place): Place | undefined {
    if (place.pool === "pairing") return place;
    if (this.#counts.pairing >= this.#limits.maxPendingPairings) return undefined;
    if (this.#from("pairing", place.address) >= this.#limits.maxPendingPairingsPerAddress) return undefined;
    return this.#move(place, "pairing");
  }

  /** Back from the pool of those that wait for a human: there was nothing to wait for. */
  giveUpWaiting(place: Place): Place {
    return this.#move(place, "unauthenticated");
  }

  authenticate(place: Place): Place {
    return this.#move(place, "authenticated");
  }

  leave(place: Place): void {
    this.#count(place, -1);
  }

  #move(place: Place, pool: Pool): Place {
    this.#count(place, -1);
    const moved: Place = { address: place.address, pool };
    this.#count(moved, 1);
    return moved;
  }

  #count(place: Place, change: 1 | -1): void {
    this.#counts[place.pool] += change;
    if (place.pool === "authenticated") return;
    const count = this.#from(place.pool, place.address) + change;
    if (count === 0) this.#byAddress[place.pool].delete(place.address);
    else this.#byAddress[place.pool].set(place.address, count);
  }

  #from(pool: "unauthenticated" | "pairing", address: string): number {
    return this.#byAddress[pool].get(address) ?? 0;
  }
}
