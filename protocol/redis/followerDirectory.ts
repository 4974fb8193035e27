import type { FollowerStatus } from "../wire/index.ts";
import { type AuditEntry, readAuditRecord } from "./auditTail.ts";
import { redisNow } from "./clock.ts";
import type { RedisConnection } from "./connection.ts";
import type { Keys } from "./keys.ts";
import { followerStatus } from "./sessionStore.ts";

/** What people and programs are told of a follower. No secret is in it. Instants are Redis time (ms). */
export interface FollowerSummary {
  readonly identifier: string;
  readonly allowed: boolean;
  readonly paired: boolean;
  readonly fingerprint?: string;
  readonly pairedAt?: number;
  readonly trustClearedAt?: number;
  readonly trustClearedReason?: string;
  /** When an operator took it off the allowlist: it stays off until one allows it. */
  readonly revokedAt?: number;
  readonly pendingPairings: number;
  readonly status: FollowerStatus;
  /** The node of the session, or of the last one. */
  readonly node?: string;
  readonly address?: string;
  readonly epoch?: number;
  readonly authenticatedAt?: number;
  readonly lastHeartbeatAt?: number;
  readonly endedAt?: number;
  readonly endReason?: string;
  /** Messages that wait in its queue, and what they take (bytes). */
  readonly queued: number;
  readonly queuedBytes: number;
  /** Queued messages that expired, and that its program refused, since the follower is known. */
  readonly expired: number;
  readonly rejected: number;
  /** Of those, what can still be looked at and tried again. */
  readonly deadLetters: number;
}

/** Reads followers for lists. It changes nothing. */
export class FollowerDirectory {
  readonly #redis: RedisConnection;
  readonly #keys: Keys;

  constructor(redis: RedisConnection, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /**
   * A page of followers in lexical order, beginning after `after`. Shorter than `limit` only at the end.
   * @param prefix what the identifiers of all of them begin with.
   */
  async page(after: string | undefined, limit: number, prefix = ""): Promise<FollowerSummary[]> {
    const now = await redisNow(this.#redis);
    const page: FollowerSummary[] = [];
    let from = after;
    for (;;) {
      const wanted = limit - page.length;
      const identifiers = await this.#identifiers(from, wanted, prefix);
      const summaries = await Promise.all(identifiers.map(async (identifier) => this.#read(identifier, now)));
      // The index may be stale: an entry that no follower stands behind must not look like the end of the list.
      page.push(...summaries.filter((summary) => summary !== undefined));
      if (identifiers.length < wanted || page.length >= limit) return page;
      from = identifiers.at(-1);
    }
  }

  /** Every follower, a page at a time. */
  async *all(pageSize = 200): AsyncGenerator<FollowerSummary> {
    let after: string | undefined;
    for (;;) {
      const page = await this.page(after, pageSize);
      yield* page;
      const last = page.at(-1);
      if (last === undefined || page.length < pageSize) return;
      after = last.identifier;
    }
  }

  /** One follower, or undefined when the cluster never heard of it. */
  async find(identifier: string): Promise<FollowerSummary | undefined> {
    return this.#read(identifier, await redisNow(this.#redis));
  }

  /** The follower's last audit entries, newest first. */
  async audit(identifier: string, limit: number): Promise<AuditEntry[]> {
    const entries = await this.#redis.xrevrange(this.#keys.follower(identifier).audit, "+", "-", "COUNT", limit);
    return entries.map(([id, fields]) => {
      const { at, event, details } = readAuditRecord(id, fields);
      return { at, event, details };
    });
  }

  async #identifiers(after: string | undefined, limit: number, prefix: string): Promise<string[]> {
    const from = after === undefined ? `[${prefix}` : `(${after}`;
    // No character of an identifier comes after this one.
    const to = prefix === "" ? "+" : `(${prefix}\u007f`;
    return this.#redis.zrange(this.#keys.followers, from, to, "BYLEX", "LIMIT", 0, limit);
  }

  async #read(identifier: string, now: number): Promise<FollowerSummary | undefined> {
    const own = this.#keys.follower(identifier);
    const [trust, session, pending, queued, counts, deadLetters] = await Promise.all([
      this.#redis.hmget(
        own.trust,
        ...["allowed", "publicKey", "fingerprint", "pairedAt", "clearedAt", "clearedReason", "revokedAt"],
      ),
      this.#redis.hgetall(own.session),
      this.#redis.zcount(own.pairings, now, "+inf"),
      this.#redis.xlen(own.queue),
      this.#redis.hmget(own.messages, "#bytes", "#expired", "#rejected"),
      this.#redis.xlen(own.deadLetters),
    ]);
    const [queuedBytes = 0, expired = 0, rejected = 0] = counts.map(Number);
    const [allowed, publicKey, fingerprint, pairedAt, clearedAt, clearedReason, revokedAt] = trust;
    if (allowed === null && session.epoch === undefined) return undefined;

    let status = followerStatus(session.status);
    let endReason = session.endReason;
    // A dead node's session is offline at once, before any sweep came by.
    if (status !== "offline" && (await this.#redis.exists(this.#keys.node(session.nodeId ?? ""))) === 0) {
      status = "offline";
      endReason = "node_lost";
    }
    return {
      identifier,
      allowed: allowed === "1",
      paired: publicKey !== null,
      ...optional("fingerprint", fingerprint),
      ...instant("pairedAt", pairedAt),
      ...instant("trustClearedAt", clearedAt),
      ...optional("trustClearedReason", clearedReason),
      ...instant("revokedAt", revokedAt),
      pendingPairings: pending,
      status,
      ...optional("node", session.nodeId),
      ...optional("address", session.address),
      ...instant("epoch", session.epoch),
      ...instant("authenticatedAt", session.authenticatedAt),
      ...instant("lastHeartbeatAt", session.lastHeartbeatAt),
      ...instant("endedAt", session.endedAt),
      ...optional("endReason", endReason),
      queued,
      queuedBytes,
      expired,
      rejected,
      deadLetters,
    };
  }
}

function optional<K extends string>(key: K, value: string | null | undefined): { [P in K]?: string } {
  return (value === null || value === undefined ? {} : { [key]: value }) as { [P in K]?: string };
}

function instant<K extends string>(key: K, value: string | null | undefined): { [P in K]?: number } {
  return (value === null || value === undefined ? {} : { [key]: Number(value) }) as { [P in K]?: number };
}
