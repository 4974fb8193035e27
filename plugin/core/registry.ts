import { type PairingUnderWay, pairingsUnderWay } from "@yonexus/protocol/operator";
import {
  type ApprovalOutcome,
  type AuditEntry,
  type ClearedTrust,
  type DenialOutcome,
  FollowerDirectory,
  type FollowerSummary,
  type Keys,
  PairingStore,
  type PendingPairing,
  type RedisConnection,
  redisNow,
  TrustStore,
} from "@yonexus/protocol/redis";
import { isIdentifier } from "@yonexus/protocol/wire/basics";
import { PluginError } from "./errors.ts";

export interface FollowerList {
  readonly followers: readonly FollowerSummary[];
  /** The last identifier of this page when there may be more. */
  readonly next?: string;
  /** Redis time (ms). */
  readonly now: number;
}

export interface FollowerDetails {
  readonly follower: FollowerSummary;
  readonly pairings: readonly PairingUnderWay[];
  readonly audit: readonly AuditEntry[];
  readonly now: number;
}

/** What an operator's decision did. */
export interface ClearingResult extends ClearedTrust {
  /** Configurations that name the follower still; a revoked one stays out all the same. */
  readonly configuredBy: readonly string[];
}

const AUDIT_ENTRIES = 10;
const MAX_PAIRINGS = 100;

/** The cluster's followers, for the commands and tools: a view of what the cluster keeps. */
export class FollowerRegistry {
  readonly #redis: RedisConnection;
  readonly #keys: Keys;
  readonly #directory: FollowerDirectory;
  readonly #pairings: PairingStore;
  readonly #trust: TrustStore;

  constructor(redis: RedisConnection, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
    this.#directory = new FollowerDirectory(redis, keys);
    this.#pairings = new PairingStore(redis, keys);
    this.#trust = new TrustStore(redis, keys);
  }

  async now(): Promise<number> {
    return redisNow(this.#redis);
  }

  /** A page in lexical order. @param after the last identifier of the page before. */
  async list(after: string | undefined, limit: number): Promise<FollowerList> {
    const [followers, now] = await Promise.all([this.#directory.page(after, limit), this.now()]);
    const last = followers.at(-1);
    return { followers, now, ...(followers.length < limit || last === undefined ? {} : { next: last.identifier }) };
  }

  /** Undefined when the cluster never heard of it. @throws PluginError `INVALID_PARAMETERS` */
  async find(identifier: string): Promise<FollowerDetails | undefined> {
    requireIdentifier(identifier);
    const now = await this.now();
    const [follower, pairings, audit] = await Promise.all([
      this.#directory.find(identifier),
      pairingsUnderWay(this.#redis, this.#keys, identifier, now),
      this.#directory.audit(identifier, AUDIT_ENTRIES),
    ]);
    return follower === undefined ? undefined : { follower, pairings, audit, now };
  }

  /** The pairings of all followers that wait for a code or an operator, soonest to expire first; 100 at most. No code is among it. */
  async pendingPairings(): Promise<{ readonly pairings: readonly PendingPairing[]; readonly now: number }> {
    const [pairings, now] = await Promise.all([this.#pairings.pending(MAX_PAIRINGS), this.now()]);
    return { pairings, now };
  }

  /** An operator lets the follower in that waits under this key. @param surface where the operator said so, for the audit. */
  async approve(pairing: PendingPairing, surface: string): Promise<ApprovalOutcome> {
    const { identifier, fingerprint, pairingId } = pairing;
    return (await this.#pairings.approve(identifier, fingerprint, pairingId, `openclaw:${surface}`)).outcome;
  }

  /** An operator refuses the pairing. @param surface as in `approve`. */
  async deny(pairing: PendingPairing, surface: string): Promise<DenialOutcome> {
    const { identifier, fingerprint, pairingId } = pairing;
    return (await this.#pairings.deny(identifier, fingerprint, pairingId, `openclaw:${surface}`)).outcome;
  }

  /** @returns whether it was not allowed before. */
  async allow(identifier: string): Promise<boolean> {
    requireIdentifier(identifier);
    return (await this.#trust.allow([identifier])).length > 0;
  }

  /** Forgets key and secret: the follower must pair again. With `disallow` it may not, until it is allowed again. */
  async clear(identifier: string, how: { readonly disallow: boolean }): Promise<ClearingResult> {
    requireIdentifier(identifier);
    const cleared = await this.#trust.clear(identifier, how.disallow ? "revoke" : "repair", how);
    return {
      ...cleared,
      configuredBy: cleared.known && how.disallow ? await this.#trust.configuredBy(identifier) : [],
    };
  }
}

export function requireIdentifier(identifier: string): void {
  if (isIdentifier(identifier)) return;
  throw new PluginError(
    "INVALID_PARAMETERS",
    `${JSON.stringify(identifier.slice(0, 64))} is no identifier: 1 to 64 letters, digits, dots, underscores and hyphens, first a letter or digit.`,
  );
}
