import { randomBytes } from "node:crypto";
import type { AdminNotification } from "../wire/index.ts";
import { newPairingCode } from "../wire/index.ts";
import { redisNow } from "./clock.ts";
import type { RedisConnection } from "./connection.ts";
import type { Keys } from "./keys.ts";
import { runScript } from "./scripts.ts";
import type { Keyring } from "./sealing.ts";

/** How many pairings and notices may be asked for. The windows of notices are an hour. */
export interface PairingLimits {
  readonly ttlMs: number;
  readonly maxTries: number;
  readonly maxPendingPerAddress: number;
  readonly maxNoticesPerAddress: number;
  readonly maxNotices: number;
  readonly noticeWindowMs: number;
}

export const PAIRING_LIMITS: PairingLimits = {
  ttlMs: 300_000,
  maxTries: 5,
  maxPendingPerAddress: 3,
  maxNoticesPerAddress: 5,
  maxNotices: 20,
  noticeWindowMs: 3_600_000,
};

/** The connection that waits for a pairing: its node is told when the notice went out or failed. */
export interface PairingWaiter {
  readonly nodeId: string;
  readonly connectionId: string;
  readonly address: string;
}

/** `now` is Redis time (ms). */
export type OpenedPairing =
  | {
      readonly outcome: "opened" | "joined";
      readonly pairingId: string;
      readonly expiresAt: number;
      readonly notice: AdminNotification;
      readonly now: number;
    }
  | { readonly outcome: "pending_limit" | "address_limit" | "identifier_limit"; readonly now: number }
  | { readonly outcome: "not_allowed" };

export type ConfirmedPairing =
  | { readonly outcome: "paired"; readonly pairedAt: number; readonly trustVersion: string }
  | { readonly outcome: "invalid_code"; readonly triesLeft: number }
  | { readonly outcome: "too_many_attempts" | "expired" | "not_allowed" };

/** What an admin is told. `code` is a secret: it goes to the notice and nowhere else. */
export interface PairingNotice {
  readonly pairingId: string;
  readonly identifier: string;
  readonly fingerprint: string;
  readonly code: string;
  readonly address: string;
  readonly expiresAt: number;
}

export interface PendingPairing {
  readonly identifier: string;
  readonly fingerprint: string;
  readonly expiresAt: number;
}

/** Pending pairings: one for each identifier and public key. The code is kept as a keyed hash, and sealed until it is sent. */
export class PairingStore {
  readonly #redis: RedisConnection;
  readonly #keys: Keys;
  readonly #keyring: Keyring | undefined;
  readonly #limits: PairingLimits;

  /** @param keyring needed to open, tell and confirm pairings; a process that only lists does without. */
  constructor(redis: RedisConnection, keys: Keys, keyring?: Keyring, limits: PairingLimits = PAIRING_LIMITS) {
    this.#redis = redis;
    this.#keys = keys;
    this.#keyring = keyring;
    this.#limits = limits;
  }

  /** Opens a pairing, or joins the pending one of the same key. @param publicKey base64 of the raw key. */
  async open(
    identifier: string,
    publicKey: string,
    fingerprint: string,
    waiter: PairingWaiter,
  ): Promise<OpenedPairing> {
    const code = newPairingCode(randomBytes);
    const keyring = this.#requireKeyring();
    const [codeHash = ""] = keyring.hashCode(code, identifier, fingerprint);
    const own = this.#keys.follower(identifier);
    const limits = this.#limits;
    const reply = await runScript(
      this.#redis,
      "openPairing",
      [own.trust, own.pairings, this.#keys.pairing(identifier, fingerprint), own.notices, own.audit],
      [
        fingerprint,
        publicKey,
        codeHash,
        keyring.seal(code, codeContext(identifier, fingerprint)),
        limits.ttlMs,
        waiter.address,
        randomBytes(12).toString("base64url"),
        waiter.nodeId,
        waiter.connectionId,
        limits.maxPendingPerAddress,
        limits.maxNoticesPerAddress,
        limits.maxNotices,
        limits.noticeWindowMs,
      ],
    );
    const outcome = reply.outcome(
      "opened",
      "joined",
      "not_allowed",
      "pending_limit",
      "address_limit",
      "identifier_limit",
    );
    if (outcome === "not_allowed") return { outcome };
    if (outcome !== "opened" && outcome !== "joined") return { outcome, now: reply.number(1) };
    const expiresAt = reply.number(2);
    await this.#redis.zadd(this.#keys.pendingPairings, expiresAt, `${identifier} ${fingerprint}`);
    return {
      outcome,
      pairingId: reply.text(1),
      expiresAt,
      notice: reply.text(3) === "sent" ? "sent" : "pending",
      now: reply.number(4),
    };
  }

  /** What the admin is to be told, or undefined when the pairing is over or void, or the admin was told already. */
  async notice(identifier: string, fingerprint: string, pairingId: string): Promise<PairingNotice | undefined> {
    const record = this.#keys.pairing(identifier, fingerprint);
    const [[storedId, sealedCode, address, expiresAt, notice, epoch], current] = await Promise.all([
      this.#redis.hmget(record, "pairingId", "sealedCode", "address", "expiresAt", "notice", "pairingEpoch"),
      this.#redis.hget(this.#keys.follower(identifier).trust, "pairingEpoch"),
    ]);
    if (storedId !== pairingId || !sealedCode || notice !== "pending") return undefined;
    if ((epoch ?? "0") !== (current ?? "0")) return undefined;
    return {
      pairingId,
      identifier,
      fingerprint,
      code: this.#requireKeyring().open(sealedCode, codeContext(identifier, fingerprint)),
      address: address ?? "",
      expiresAt: Number(expiresAt),
    };
  }

  /** Records that the admin was told, or that this is impossible: then the pairing ends. Tells the waiting node. */
  async resolveNotice(
    identifier: string,
    fingerprint: string,
    pairingId: string,
    result: "sent" | "failed",
    reason = "",
  ): Promise<"resolved" | "gone"> {
    const own = this.#keys.follower(identifier);
    const reply = await runScript(
      this.#redis,
      "resolveNotice",
      [own.trust, this.#keys.pairing(identifier, fingerprint), own.pairings, own.notices, own.audit],
      [pairingId, result, fingerprint, this.#keys.nodeChannelPrefix, reason],
    );
    const outcome = reply.outcome("resolved", "void", "gone");
    // Of one that is gone the index entry may be that of its successor with the same key.
    if (outcome === "void" || (outcome === "resolved" && result === "failed")) {
      await this.#forget(identifier, fingerprint);
    }
    return outcome === "void" ? "gone" : outcome;
  }

  /** @param code normalized; @param sealedSecret the new shared secret, stored only when the code is right. */
  async confirm(
    identifier: string,
    fingerprint: string,
    code: string,
    sealedSecret: string,
  ): Promise<ConfirmedPairing> {
    const own = this.#keys.follower(identifier);
    const reply = await runScript(
      this.#redis,
      "confirmPairing",
      [own.trust, own.pairings, this.#keys.pairing(identifier, fingerprint), own.session, own.audit],
      [
        identifier,
        fingerprint,
        sealedSecret,
        this.#limits.maxTries,
        this.#keys.nodeChannelPrefix,
        this.#keys.events,
        ...this.#requireKeyring().hashCode(code, identifier, fingerprint),
      ],
    );
    const outcome = reply.outcome("paired", "invalid_code", "too_many_attempts", "expired", "not_allowed");
    if (outcome === "invalid_code") return { outcome, triesLeft: reply.number(1) };
    if (outcome !== "paired") return { outcome };
    await this.#forget(identifier, fingerprint);
    return { outcome, pairedAt: reply.number(1), trustVersion: reply.text(2) };
  }

  /** The pairings that wait for a human, soonest to expire first. */
  async pending(limit: number): Promise<PendingPairing[]> {
    const now = await redisNow(this.#redis);
    const members = await this.#redis.zrange(
      this.#keys.pendingPairings,
      String(now),
      "+inf",
      "BYSCORE",
      "LIMIT",
      0,
      limit,
      "WITHSCORES",
    );
    const pairings: PendingPairing[] = [];
    for (let index = 0; index + 1 < members.length; index += 2) {
      const [identifier = "", fingerprint = ""] = (members[index] ?? "").split(" ");
      // The index may be stale: the pairing itself tells.
      if ((await this.#redis.exists(this.#keys.pairing(identifier, fingerprint))) === 1) {
        pairings.push({ identifier, fingerprint, expiresAt: Number(members[index + 1]) });
      }
    }
    return pairings;
  }

  /** Takes expired pairings out of the index. Returns how many. */
  async forgetExpired(): Promise<number> {
    return this.#redis.zremrangebyscore(this.#keys.pendingPairings, "-inf", await redisNow(this.#redis));
  }

  #requireKeyring(): Keyring {
    if (this.#keyring === undefined) throw new TypeError("This PairingStore was made without a keyring.");
    return this.#keyring;
  }

  async #forget(identifier: string, fingerprint: string): Promise<void> {
    await this.#redis.zrem(this.#keys.pendingPairings, `${identifier} ${fingerprint}`);
  }
}

function codeContext(identifier: string, fingerprint: string): string {
  return `code ${identifier} ${fingerprint}`;
}
