import { randomBytes } from "node:crypto";
import { newPairingCode } from "../wire/basics.ts";
import { redisNow } from "./clock.ts";
import type { RedisConnection } from "./connection.ts";
import type { Keys } from "./keys.ts";
import {
  type ApprovalOutcome,
  type ConfirmedPairing,
  type DenialOutcome,
  type GrantedPairing,
  newPairingId,
  type OpenedPairing,
  PAIRING_LIMITS,
  type PairingLimits,
  type PairingNotice,
  type PairingWaiter,
  type PendingPairing,
} from "./pairingRecord.ts";
import { runScript } from "./scripts.ts";
import type { Keyring } from "./sealing.ts";

/** Who decided stands in the audit: so much of it. */
const MAX_DECIDER = 64;

/**
 * Pending pairings: one for each identifier and public key. The code is kept as a keyed hash, and sealed until it is sent. One is
 * confirmed by its code, or approved by an operator for the key that was shown: then a node makes the secret.
 */
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
      [own.trust, own.pairings, this.#keys.pairing(identifier, fingerprint), own.notices, own.audit, own.session],
      [
        fingerprint,
        publicKey,
        codeHash,
        keyring.seal(code, codeContext(identifier, fingerprint)),
        limits.ttlMs,
        waiter.address,
        newPairingId(),
        waiter.nodeId,
        waiter.connectionId,
        limits.maxPendingPerAddress,
        limits.maxNoticesPerAddress,
        limits.maxNotices,
        limits.noticeWindowMs,
        keyring.keyIds[0] ?? "",
      ],
    );
    const outcome = reply.outcome(
      "opened",
      "joined",
      "not_allowed",
      "denied",
      "pending_limit",
      "address_limit",
      "identifier_limit",
    );
    if (outcome === "not_allowed" || outcome === "denied") return { outcome };
    if (outcome !== "opened" && outcome !== "joined") return { outcome, now: reply.number(1) };
    const expiresAt = reply.number(2);
    await this.#redis.zadd(this.#keys.pendingPairings, expiresAt, `${identifier} ${fingerprint}`);
    return {
      outcome,
      pairingId: reply.text(1),
      expiresAt,
      notice: reply.text(3) === "sent" ? "sent" : "pending",
      now: reply.number(4),
      approved: reply.text(5) === "1",
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
    const outcome = reply.outcome("paired", "invalid_code", "too_many_attempts", "expired", "not_allowed", "denied");
    if (outcome === "invalid_code") return { outcome, triesLeft: reply.number(1) };
    if (outcome !== "paired") return { outcome };
    await this.#forget(identifier, fingerprint);
    return { outcome, pairedAt: reply.number(1), trustVersion: reply.text(2) };
  }

  /**
   * An operator lets the follower in. It commits to the key and the pairing that the operator was shown: whatever else waits by
   * now is refused. The waiting connection's node makes the secret; no master key is needed here.
   * @param by who decides, for the audit: 64 characters at most are kept.
   */
  async approve(
    identifier: string,
    fingerprint: string,
    pairingId: string,
    by: string,
  ): Promise<{ readonly outcome: ApprovalOutcome }> {
    const own = this.#keys.follower(identifier);
    const reply = await runScript(
      this.#redis,
      "approvePairing",
      [own.trust, own.pairings, this.#keys.pairing(identifier, fingerprint), own.audit],
      [pairingId, fingerprint, by.slice(0, MAX_DECIDER), this.#keys.nodeChannelPrefix],
    );
    return { outcome: reply.outcome("approved", "already", "gone", "changed", "not_allowed") };
  }

  /**
   * An operator refuses the pairing: who waits is told, and its key opens no other for a while.
   * @param by as in `approve`.
   */
  async deny(
    identifier: string,
    fingerprint: string,
    pairingId: string,
    by: string,
  ): Promise<{ readonly outcome: DenialOutcome }> {
    const own = this.#keys.follower(identifier);
    const reply = await runScript(
      this.#redis,
      "denyPairing",
      [own.trust, own.pairings, this.#keys.pairing(identifier, fingerprint), own.audit],
      [pairingId, fingerprint, by.slice(0, MAX_DECIDER), this.#keys.nodeChannelPrefix, this.#limits.refusalMs],
    );
    const outcome = reply.outcome("denied", "gone", "changed");
    if (outcome === "denied") await this.#forget(identifier, fingerprint);
    return { outcome };
  }

  /**
   * Writes down that somebody who may not decide tried to; nothing else is changed.
   * @param by who tried, as in `approve`.
   */
  async refuseDecider(
    identifier: string,
    fingerprint: string,
    decision: "approve" | "deny",
    by: string,
  ): Promise<void> {
    const own = this.#keys.follower(identifier);
    await runScript(
      this.#redis,
      "refuseDecider",
      [own.trust, own.audit],
      [decision === "approve" ? "approval_refused" : "denial_refused", fingerprint, by.slice(0, MAX_DECIDER)],
    );
  }

  /**
   * Makes an approved pairing the trust. For a node, when it is told or finds that one was approved.
   * @param sealedSecret the new shared secret, stored only when this connection is the one that was approved.
   */
  async grant(
    identifier: string,
    key: { readonly publicKey: string; readonly fingerprint: string },
    pairingId: string,
    address: string,
    sealedSecret: string,
  ): Promise<GrantedPairing> {
    const own = this.#keys.follower(identifier);
    const { publicKey, fingerprint } = key;
    const reply = await runScript(
      this.#redis,
      "grantPairing",
      [own.trust, own.pairings, this.#keys.pairing(identifier, fingerprint), own.session, own.audit],
      [
        identifier,
        fingerprint,
        pairingId,
        publicKey,
        address,
        sealedSecret,
        this.#keys.nodeChannelPrefix,
        this.#keys.events,
      ],
    );
    const outcome = reply.outcome("paired", "waiting", "expired", "denied", "not_allowed");
    if (outcome !== "paired") return { outcome };
    await this.#forget(identifier, fingerprint);
    return { outcome, pairedAt: reply.number(1), trustVersion: reply.text(2) };
  }

  /** The pairings that wait for a human, or for a follower that was approved, soonest to expire first. */
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
    );
    const found = await Promise.all(
      members.map(async (member) => {
        const [identifier = "", fingerprint = ""] = member.split(" ");
        return this.find(identifier, fingerprint, now);
      }),
    );
    return found.filter((pairing) => pairing !== undefined);
  }

  /** The id of the last pairing of a key, whatever became of it, as long as something of it is remembered. */
  async lastId(identifier: string, fingerprint: string): Promise<string | undefined> {
    return (await this.#redis.hget(this.#keys.pairing(identifier, fingerprint), "pairingId")) ?? undefined;
  }

  /** The pairing of a key that waits. @param now Redis time (ms), when it is known. */
  async find(identifier: string, fingerprint: string, now?: number): Promise<PendingPairing | undefined> {
    // The index may be stale: the pairing itself tells, and the trust whether it is void.
    const [record, current, time] = await Promise.all([
      this.#redis.hmget(
        this.#keys.pairing(identifier, fingerprint),
        "pairingId",
        "address",
        "openedAt",
        "expiresAt",
        "pairingEpoch",
        "approvedAt",
        "deniedUntil",
        "granted",
      ),
      this.#redis.hget(this.#keys.follower(identifier).trust, "pairingEpoch"),
      now ?? redisNow(this.#redis),
    ]);
    const [pairingId, address, openedAt, expiresAt, epoch, approvedAt, deniedUntil, granted] = record;
    const isOver = Number(expiresAt) <= time || (deniedUntil ?? granted ?? undefined) !== undefined;
    if (!pairingId || isOver || (epoch ?? "0") !== (current ?? "0")) return undefined;
    return {
      pairingId,
      identifier,
      fingerprint,
      address: address ?? "",
      openedAt: Number(openedAt),
      expiresAt: Number(expiresAt),
      ...(approvedAt ? { approvedAt: Number(approvedAt) } : {}),
    };
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
