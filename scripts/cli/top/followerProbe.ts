import { followerStatus, type Keys, type RedisConnection } from "@yonexus/protocol/redis";
import type { CountedFollower } from "./statusCensus.ts";

/** A follower as the census counts it, and when its status changed last (Redis time, ms). */
export interface ProbedFollower extends CountedFollower {
  readonly changedAt?: number;
}

export interface ProbedPage {
  readonly followers: readonly ProbedFollower[];
  /** The last identifier that was looked at; undefined at the end. */
  readonly until: string | undefined;
}

/** Reads of a page of followers what is counted, and no more. */
export class FollowerProbe {
  readonly #redis: RedisConnection;
  readonly #keys: Keys;
  readonly #unstableAfterMs: number;

  constructor(redis: RedisConnection, keys: Keys, unstableAfterMs: number) {
    this.#redis = redis;
    this.#keys = keys;
    this.#unstableAfterMs = unstableAfterMs;
  }

  /** @param liveNodes those that hold a lease: the sessions of others are offline, before any sweep came by. */
  async read(after: string | undefined, limit: number, liveNodes: ReadonlySet<string>): Promise<ProbedPage> {
    const from = after === undefined ? "-" : `(${after}`;
    const identifiers = await this.#redis.zrange(this.#keys.followers, from, "+", "BYLEX", "LIMIT", 0, limit);
    const read = await Promise.all(identifiers.map((identifier) => this.#readOne(identifier, liveNodes)));
    return {
      followers: read.filter((follower) => follower !== undefined),
      until: identifiers.length < limit ? undefined : identifiers.at(-1),
    };
  }

  async #readOne(identifier: string, liveNodes: ReadonlySet<string>): Promise<ProbedFollower | undefined> {
    const own = this.#keys.follower(identifier);
    const [[allowed, publicKey], session, waiting, deadLetters] = await Promise.all([
      this.#redis.hmget(own.trust, "allowed", "publicKey"),
      this.#redis.hmget(own.session, "status", "nodeId", "authenticatedAt", "lastHeartbeatAt", "endedAt"),
      this.#redis.hget(own.messages, "#waiting"),
      this.#redis.xlen(own.deadLetters),
    ]);
    const [stored, nodeId, ...instants] = session;
    if (allowed === null && stored === null) return undefined;
    const isLost = stored !== null && !liveNodes.has(nodeId ?? "");
    const status = isLost ? "offline" : followerStatus(stored ?? undefined);
    const changedAt = this.#changedAt(status, instants.map(Number));
    return {
      identifier,
      status,
      allowed: allowed === "1",
      paired: publicKey !== null,
      waiting: Number(waiting ?? 0),
      deadLetters,
      ...(stored === null || changedAt === 0 ? {} : { changedAt }),
    };
  }

  /** By what the session says: only who listens hears of the changes themselves. */
  #changedAt(status: CountedFollower["status"], [authenticatedAt = 0, heartbeatAt = 0, endedAt = 0]: number[]): number {
    if (status === "online") return authenticatedAt;
    return status === "unstable" ? heartbeatAt + this.#unstableAfterMs : Math.max(endedAt, heartbeatAt);
  }
}
