import type { FollowerStatus } from "../wire/index.ts";
import type { RedisConnection } from "./connection.ts";
import type { Keys } from "./keys.ts";
import { runScript, type ScriptReply } from "./scripts.ts";

/** A proof whose signature was found right, to be claimed with. */
export interface Claim {
  readonly identifier: string;
  readonly nodeId: string;
  readonly connectionId: string;
  readonly nonce: string;
  /** Unix seconds, as the follower signed it. */
  readonly proofTimestamp: number;
  readonly trustVersion: string;
  readonly address: string;
}

/** What waits for a follower when its session begins or is asserted. */
export interface QueueState {
  /** The last one given; 0 when nothing was ever queued. */
  readonly lastSeq: number;
  /** Messages that were not settled yet. */
  readonly waiting: number;
  /** Ranges that were dropped and that the follower was not told of for sure. */
  readonly gaps: number;
}

export type ClaimResult =
  | {
      readonly outcome: "claimed";
      readonly epoch: number;
      readonly now: number;
      readonly previousNode?: string;
      readonly previousConnection?: string;
      readonly queue: QueueState;
    }
  | { readonly outcome: "stale_timestamp" | "future_timestamp"; readonly now: number }
  /** Other addresses took the session from a live owner too often lately: the owner keeps it. */
  | {
      readonly outcome: "takeover_conflict";
      readonly now: number;
      readonly ownerAddress: string;
      readonly ownerNode: string;
      /** It was not told of this identifier in the last hour. */
      readonly tellOperator: boolean;
    }
  | { readonly outcome: "nonce_collision" | "rate_limited" | "not_allowed" | "trust_changed" };

/** How a node describes a session that it holds. */
export interface HeldSession {
  readonly identifier: string;
  readonly epoch: number;
  readonly nodeId: string;
  readonly connectionId: string;
  readonly trustVersion: string;
  readonly address: string;
  /** Redis time (ms). */
  readonly authenticatedAt: number;
}

export type Reassertion =
  | {
      readonly outcome: "kept";
      readonly now: number;
      readonly status: FollowerStatus;
      readonly lastHeartbeatAt: number;
      readonly queue: QueueState;
    }
  | { readonly outcome: "superseded" | "not_allowed" | "revoked" }
  | { readonly outcome: "ended"; readonly reason: string };

export interface LivenessVerdict {
  readonly edge: "none" | "unstable" | "offline";
  /** When to judge again (Redis time, ms); undefined when there is no live session. */
  readonly nextDueAt?: number;
}

/** Ages of the last heartbeat (ms) over which a follower is unstable, then offline. */
export interface LivenessThresholds {
  readonly unstableAfterMs: number;
  readonly offlineAfterMs: number;
}

/** A proof is fresh for under this long, both ways (wire protocol, "The proof"). */
const PROOF_WINDOW_MS = 10_000;
/** More valid proofs than this within the window are unsafe. */
const MAX_PROOFS_IN_WINDOW = 10;
/** A proof from the future is fresh for twice the window; half of that again for luck. */
const NONCE_MEMORY_MS = 30_000;
/** A live session may be taken by another address so often within the window; the next one is refused. */
const MAX_TAKEOVERS_IN_WINDOW = 2;
const TAKEOVER_WINDOW_MS = 60_000;
/** The operator is told of the takeovers of an identifier so often at most. */
const TAKEOVER_NOTICE_EVERY_MS = 3_600_000;

/** Session ownership: one owner an identifier, fenced by an epoch that only rises. */
export class SessionStore {
  readonly #redis: RedisConnection;
  readonly #keys: Keys;

  constructor(redis: RedisConnection, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** Makes the connection the owner, unless the claim is refused. The previous owner's node is told to close its session by the same script. */
  async claim(claim: Claim): Promise<ClaimResult> {
    const own = this.#keys.follower(claim.identifier);
    const reply = await runScript(
      this.#redis,
      "claimSession",
      [own.session, own.proofs, own.trust, own.audit, own.queue, own.messages, own.gaps, own.takeovers],
      [
        claim.identifier,
        claim.nodeId,
        claim.connectionId,
        claim.nonce,
        claim.proofTimestamp,
        claim.trustVersion,
        claim.address,
        PROOF_WINDOW_MS,
        MAX_PROOFS_IN_WINDOW,
        NONCE_MEMORY_MS,
        this.#keys.nodeChannelPrefix,
        this.#keys.events,
        TAKEOVER_WINDOW_MS,
        MAX_TAKEOVERS_IN_WINDOW,
        TAKEOVER_NOTICE_EVERY_MS,
      ],
    );
    const outcome = reply.outcome(
      "claimed",
      "stale_timestamp",
      "future_timestamp",
      "takeover_conflict",
      "nonce_collision",
      "rate_limited",
      "not_allowed",
      "trust_changed",
    );
    switch (outcome) {
      case "claimed": {
        const previousNode = reply.text(3);
        return {
          outcome,
          epoch: reply.number(1),
          now: reply.number(2),
          queue: queueState(reply, 5),
          ...(previousNode === "" ? {} : { previousNode, previousConnection: reply.text(4) }),
        };
      }
      case "stale_timestamp":
      case "future_timestamp":
        return { outcome, now: reply.number(1) };
      case "takeover_conflict":
        return {
          outcome,
          now: reply.number(1),
          ownerAddress: reply.text(2),
          ownerNode: reply.text(3),
          tellOperator: reply.number(4) === 1,
        };
      default:
        return { outcome };
    }
  }

  /** Records a heartbeat. Stale: this epoch is no longer the owner, or its session ended. */
  async beat(identifier: string, epoch: number): Promise<{ outcome: "alive"; now: number } | { outcome: "stale" }> {
    const own = this.#keys.follower(identifier);
    const reply = await runScript(
      this.#redis,
      "beatSession",
      [own.session, own.audit],
      [identifier, epoch, this.#keys.events],
    );
    return reply.outcome("alive", "stale") === "alive"
      ? { outcome: "alive", now: reply.number(1) }
      : { outcome: "stale" };
  }

  /** Says that the node still holds the session. @param idleMs since the last heartbeat, by the node's own clock. */
  async reassert(held: HeldSession, idleMs: number): Promise<Reassertion> {
    const own = this.#keys.follower(held.identifier);
    const reply = await runScript(
      this.#redis,
      "reassertSession",
      [own.session, own.trust, own.audit, own.queue, own.messages, own.gaps],
      [
        held.identifier,
        held.epoch,
        held.nodeId,
        held.connectionId,
        held.trustVersion,
        Math.max(0, Math.round(idleMs)),
        held.address,
        held.authenticatedAt,
        this.#keys.events,
      ],
    );
    const outcome = reply.outcome("kept", "superseded", "not_allowed", "revoked", "ended");
    if (outcome === "kept") {
      return {
        outcome,
        now: reply.number(1),
        status: followerStatus(reply.text(2)),
        lastHeartbeatAt: reply.number(3),
        queue: queueState(reply, 4),
      };
    }
    return outcome === "ended" ? { outcome, reason: reply.text(1) } : { outcome };
  }

  /** Ends the session if this epoch still owns it. */
  async end(identifier: string, epoch: number, reason: string): Promise<"ended" | "stale"> {
    return this.#end(identifier, reason, { epoch: String(epoch) });
  }

  /** Ends the session if that dead node still owns it. */
  async endOfDeadNode(identifier: string, nodeId: string): Promise<"ended" | "stale"> {
    return this.#end(identifier, "node_lost", { nodeId });
  }

  /** Ends the session if that connection claimed it: for a claim whose answer was lost. */
  async endOfConnection(identifier: string, nodeId: string, connectionId: string): Promise<"ended" | "stale"> {
    return this.#end(identifier, "disconnected", { nodeId, connectionId });
  }

  /** Whether this epoch still owns the session. `now` is Redis time (ms). */
  async check(identifier: string, epoch: number): Promise<{ outcome: "owner"; now: number } | { outcome: "stale" }> {
    const reply = await runScript(this.#redis, "checkSession", [this.#keys.follower(identifier).session], [epoch]);
    const outcome = reply.outcome("owner", "stale");
    return outcome === "owner" ? { outcome, now: reply.number(1) } : { outcome };
  }

  /** Decides the follower's liveness edge, once, and tells its node and the events channel. */
  async judge(identifier: string, thresholds: LivenessThresholds): Promise<LivenessVerdict> {
    const own = this.#keys.follower(identifier);
    const reply = await runScript(
      this.#redis,
      "judgeLiveness",
      [own.session, own.audit],
      [
        identifier,
        thresholds.unstableAfterMs,
        thresholds.offlineAfterMs,
        this.#keys.nodeChannelPrefix,
        this.#keys.events,
      ],
    );
    const nextDueAt = reply.number(1);
    return { edge: reply.outcome("none", "unstable", "offline"), ...(nextDueAt === 0 ? {} : { nextDueAt }) };
  }

  /** The node that owns the session now, live or not. */
  async ownerNode(identifier: string): Promise<string | undefined> {
    return (await this.#redis.hget(this.#keys.follower(identifier).session, "nodeId")) ?? undefined;
  }

  async #end(
    identifier: string,
    reason: string,
    owner: { epoch?: string; nodeId?: string; connectionId?: string },
  ): Promise<"ended" | "stale"> {
    const own = this.#keys.follower(identifier);
    const reply = await runScript(
      this.#redis,
      "endSession",
      [own.session, own.audit],
      [identifier, owner.epoch ?? "", reason, owner.nodeId ?? "", owner.connectionId ?? "", this.#keys.events],
    );
    return reply.outcome("ended", "stale");
  }
}

function queueState(reply: ScriptReply, at: number): QueueState {
  return { lastSeq: reply.number(at), waiting: reply.number(at + 1), gaps: reply.number(at + 2) };
}

/** A status as Redis has it; what it does not know counts as offline. */
export function followerStatus(text: string | null | undefined): FollowerStatus {
  return text === "online" || text === "unstable" ? text : "offline";
}
