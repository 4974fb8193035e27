import { redisNow } from "./clock.ts";
import type { RedisConnection } from "./connection.ts";
import { UnsealError } from "./errors.ts";
import type { Keys } from "./keys.ts";
import { runScript } from "./scripts.ts";
import { type Keyring, sealingKeyOf } from "./sealing.ts";
import { TrustStore } from "./trustStore.ts";

/** The sealed secrets of one follower: the one in force, and the one that the last pairing replaced. */
export interface SealedTrust {
  readonly identifier: string;
  readonly version: string;
  readonly sealedSecret: string | undefined;
  readonly previousSecret: string | undefined;
}

/** How much is sealed with one master key. */
export interface SealedCount {
  /** Followers whose secret is. */
  secrets: number;
  /** Followers whose replaced secret is: without it an old copy of a follower's state looks like a forgery. */
  replaced: number;
  /** Pairing codes that wait. They are hashed, and cannot be sealed anew. */
  codes: number;
  /** When the last of those is over: Redis time (ms), 0 without any. */
  codesUntil: number;
}

/** What became of one follower's secrets. */
export interface Resealed {
  /** `changed`: it was paired or cleared each time that it was tried, and is sealed by who did that. */
  readonly outcome: "current" | "resealed" | "changed";
  /** How many of its secrets were sealed anew. */
  readonly count: number;
  /** Why its secret cannot be opened here; absent when it can. */
  readonly unreadable?: { readonly keyId: string; readonly why: "key_missing" | "damaged" };
}

/** How often a follower is tried whose trust changes meanwhile. */
const TRIES = 3;
const FIELDS = ["sealedSecret", "previousSecret"] as const;

/** What is sealed in Redis, for the operator who changes the master key. It reads follower by follower, in pages. */
export class SealedSecrets {
  readonly #redis: RedisConnection;
  readonly #keys: Keys;

  constructor(redis: RedisConnection, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** How many followers `pages` will look at, about. */
  async followerCount(): Promise<number> {
    return this.#redis.zcard(this.#keys.followers);
  }

  /** The followers that were ever allowed, a page at a time; those that are not paired have no secret. */
  async *pages(size: number): AsyncGenerator<readonly SealedTrust[]> {
    let from = "-";
    for (;;) {
      const identifiers = await this.#redis.zrange(this.#keys.followers, from, "+", "BYLEX", "LIMIT", 0, size);
      if (identifiers.length > 0) yield Promise.all(identifiers.map((identifier) => this.#read(identifier)));
      if (identifiers.length < size) return;
      from = `(${identifiers.at(-1)}`;
    }
  }

  /** By master key, how much is sealed with it. */
  async count(pageSize: number): Promise<ReadonlyMap<string, SealedCount>> {
    const counts = new Map<string, SealedCount>();
    const of = (keyId: string): SealedCount => {
      const count = counts.get(keyId) ?? { secrets: 0, replaced: 0, codes: 0, codesUntil: 0 };
      counts.set(keyId, count);
      return count;
    };
    for await (const page of this.pages(pageSize)) {
      for (const { sealedSecret, previousSecret } of page) {
        if (sealedSecret !== undefined) of(sealingKeyOf(sealedSecret)).secrets += 1;
        if (previousSecret !== undefined) of(sealingKeyOf(previousSecret)).replaced += 1;
      }
    }
    for await (const { keyId, expiresAt } of this.#codes(pageSize)) {
      const count = of(keyId);
      count.codes += 1;
      count.codesUntil = Math.max(count.codesUntil, expiresAt);
    }
    return counts;
  }

  /** Seals what another key sealed with the first one of the keyring. Beside running nodes, and as often as one likes. */
  async reseal(trust: SealedTrust, keyring: Keyring): Promise<Resealed> {
    const store = new TrustStore(this.#redis, this.#keys, keyring);
    let current = trust;
    for (let time = 0; time < TRIES; time++) {
      const { changes, unreadable } = changesOf(current, keyring, store);
      const told = unreadable === undefined ? {} : { unreadable };
      if (changes.length === 0) return { outcome: "current", count: 0, ...told };
      const reply = await runScript(
        this.#redis,
        "resealSecret",
        [this.#keys.follower(trust.identifier).trust],
        [current.version, ...changes.flat()],
      );
      if (reply.outcome("resealed", "stale") === "resealed") {
        return { outcome: "resealed", count: changes.length, ...told };
      }
      current = await this.#read(trust.identifier);
    }
    return { outcome: "changed", count: 0 };
  }

  async #read(identifier: string): Promise<SealedTrust> {
    const [version, sealedSecret, previousSecret] = await this.#redis.hmget(
      this.#keys.follower(identifier).trust,
      "version",
      ...FIELDS,
    );
    return {
      identifier,
      version: version ?? "0",
      sealedSecret: sealedSecret ?? undefined,
      previousSecret: previousSecret ?? undefined,
    };
  }

  /** The codes that wait, as the index of pairings finds them. */
  async *#codes(size: number): AsyncGenerator<{ readonly keyId: string; readonly expiresAt: number }> {
    const now = await redisNow(this.#redis);
    for (let offset = 0; ; offset += size) {
      const index = this.#keys.pendingPairings;
      const members = await this.#redis.zrange(index, now, "+inf", "BYSCORE", "LIMIT", offset, size);
      const records = await Promise.all(
        members.map((member) => {
          const [identifier = "", fingerprint = ""] = member.split(" ");
          const pairing = this.#keys.pairing(identifier, fingerprint);
          return this.#redis.hmget(pairing, "codeHash", "keyId", "sealedCode", "expiresAt", "deniedUntil");
        }),
      );
      for (const [codeHash, keyId, sealedCode, expiresAt, deniedUntil] of records) {
        if (!codeHash || deniedUntil || Number(expiresAt) <= now) continue;
        yield { keyId: keyId ?? sealingKeyOf(sealedCode ?? ""), expiresAt: Number(expiresAt) };
      }
      if (members.length < size) return;
    }
  }
}

/** Field, as it is sealed, and as it is to be sealed. */
type Change = readonly [field: string, before: string, after: string];

function changesOf(trust: SealedTrust, keyring: Keyring, store: TrustStore) {
  const changes: Change[] = [];
  let unreadable: Resealed["unreadable"];
  for (const field of FIELDS) {
    const sealed = trust[field];
    if (sealed === undefined || !keyring.needsResealing(sealed)) continue;
    try {
      const secret = store.openSecret(trust.identifier, sealed);
      changes.push([field, sealed, store.sealSecret(trust.identifier, secret)]);
    } catch (error) {
      if (!(error instanceof UnsealError)) throw error;
      // A replaced secret that nobody can open any more is no loss to anybody but a forger.
      if (field !== "sealedSecret") continue;
      const keyId = sealingKeyOf(sealed);
      unreadable = { keyId, why: keyring.keyIds.includes(keyId) ? "damaged" : "key_missing" };
    }
  }
  return { changes, unreadable };
}
