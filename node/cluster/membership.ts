import type { Logger } from "@yonexus/protocol/log";
import {
  encodeCanary,
  explainRefusal,
  type Keys,
  type NodeStore,
  type NodeWork,
  type OutageLog,
  type RedisConnection,
} from "@yonexus/protocol/redis";
import type { Validity } from "@yonexus/protocol/tls";
import type { ClusterClock } from "./clusterClock.ts";

export interface MembershipOptions {
  readonly nodeId: string;
  readonly name: string;
  readonly version: string;
  readonly leaseMs: number;
  /** Of its master keys: another deployment's shows by them. */
  readonly keyIds: readonly string[];
  /** When the certificate is good that it listens with; undefined without TLS. */
  readonly certificate: () => Validity | undefined;
  readonly sessionCount: () => number;
  readonly work: () => NodeWork;
  /** Settles every local session with Redis: after an outage, before the lease is renewed. */
  readonly reconcile: () => Promise<number>;
  /** Is told the time of Redis with each renewal. */
  readonly clock: Pick<ClusterClock, "learn">;
  /** Hears how long the last canary took to come back (ms). */
  readonly onCanary: (ms: number) => void;
  /** Is told when no canary comes back for some time, and of each that does. */
  readonly outages: Pick<OutageLog, "silent" | "answered">;
}

/** Something may have been missed, so that every session must be settled. */
interface Outage {
  /** The last time that something was missed, by the monotonic clock (ms). */
  readonly raisedAt: number;
  /** The log has said that Redis refuses. */
  readonly refusalTold: boolean;
}

/** How often the node looks whether Redis and its own channel answer. */
const CANARY_EVERY_MS = 1_000;
/** Ready means that a canary came back within this. */
const CANARY_MAX_AGE_MS = 3_500;
/** No canary came back between so many looks in a row: Redis is silent. Looks, and not a time, which this process may have slept. */
const SILENT_LOOKS = 3;
/** Every session is asserted again this often, whatever happened. */
const RECONCILE_EVERY_MS = 60_000;

/**
 * The node's place in the cluster: its lease, renewed for as long as the process lives and through any outage, and whether
 * it is ready: Redis answered lately, a canary came back on its own channel, and it is not draining.
 */
export class Membership {
  readonly #redis: RedisConnection;
  readonly #keys: Keys;
  readonly #nodes: NodeStore;
  readonly #options: MembershipOptions;
  readonly #logger: Logger;
  readonly #startedAt = Date.now();
  #canaryAt = Number.NEGATIVE_INFINITY;
  #canary = 0;
  #canarySentAt = 0;
  #cameBack = false;
  #looksInVain = 0;
  #url = "";
  #firstCanary: () => void = () => undefined;
  #renewedAt = performance.now();
  #draining = false;
  #stopped = false;
  /** What was missed must be settled before the lease is renewed; undefined once it was and is. */
  #outage: Outage | undefined;
  #reconcileAt = performance.now() + RECONCILE_EVERY_MS;
  #beating: Promise<void> | undefined;
  #renewTimer: NodeJS.Timeout | undefined;
  #canaryTimer: NodeJS.Timeout | undefined;

  constructor(redis: RedisConnection, keys: Keys, nodes: NodeStore, options: MembershipOptions, logger: Logger) {
    this.#redis = redis;
    this.#keys = keys;
    this.#nodes = nodes;
    this.#options = options;
    this.#logger = logger;
  }

  /**
   * Takes the lease, and waits until the node's own channel works. Left meanwhile, it does nothing more.
   * @param url where followers reach the node. @throws when Redis does not answer.
   */
  async join(url: string): Promise<void> {
    this.#url = url;
    await this.#renew();
    if (this.#stopped) return;
    const heard = new Promise<void>((resolve) => {
      this.#firstCanary = resolve;
    });
    this.#sendCanary();
    this.#canaryTimer = setInterval(() => this.#look(), CANARY_EVERY_MS);
    this.#renewTimer = setInterval(() => void this.#beat(), this.#options.leaseMs / 3);
    await heard;
  }

  /** The canary came back on the node's channel. */
  canaryHeard(token: string): void {
    const age = this.#canary - Number(token);
    // A late one of many proves nothing: it may have waited out a stall.
    if (age <= 2) {
      this.#canaryAt = performance.now();
      this.#answered();
    }
    if (age === 0) this.#options.onCanary(performance.now() - this.#canarySentAt);
    this.#firstCanary();
    if (this.#outage !== undefined) void this.#beat();
  }

  /** A connection to Redis was lost and is back: commands may have been missed. */
  reconnected(): void {
    this.#raise();
    this.#sendCanary();
  }

  /** Whether Redis answered lately: what needs it is refused at once when it did not. */
  get redisAnswers(): boolean {
    return performance.now() - this.#canaryAt < CANARY_MAX_AGE_MS;
  }

  /** False when the lease may have lapsed: the node was halted, or Redis was away, for as long as it lasts. */
  get holdsLease(): boolean {
    return performance.now() - this.#renewedAt <= this.#options.leaseMs;
  }

  get isDraining(): boolean {
    return this.#draining;
  }

  /** Why the node should get no new followers; empty when it is ready. */
  unreadiness(): string[] {
    const reasons: string[] = [];
    if (this.#draining) reasons.push("draining");
    if (!this.redisAnswers) reasons.push("redis does not answer on the node's channel");
    if (this.#outage !== undefined) reasons.push("sessions are not settled after an outage");
    return reasons;
  }

  /** Says that the node takes nobody any more. */
  async drain(): Promise<void> {
    this.#draining = true;
    if (this.redisAnswers) await this.#renew();
  }

  /** Gives the lease back; one that cannot be given back now lapses by itself. */
  async leave(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#renewTimer);
    clearInterval(this.#canaryTimer);
    await this.#beating;
    if (this.redisAnswers) await this.#nodes.release(this.#options.nodeId);
  }

  async #beat(): Promise<void> {
    if (this.#stopped) return;
    this.#beating ??= this.#settleAndRenew().finally(() => {
      this.#beating = undefined;
    });
    await this.#beating;
  }

  async #settleAndRenew(): Promise<void> {
    try {
      const now = performance.now();
      // A process that was stopped for longer than its lease counts as dead by now: its sessions were given up.
      if (this.#outage === undefined && now - this.#renewedAt > this.#options.leaseMs) this.#raise();
      const outage = this.#outage;
      // Until the channel works again, a command that follows the settling could be missed as well.
      if (outage !== undefined && this.#canaryAt < outage.raisedAt) return;
      let settled: number | undefined;
      if (outage !== undefined || now >= this.#reconcileAt) {
        settled = await this.#options.reconcile();
        this.#reconcileAt = performance.now() + RECONCILE_EVERY_MS;
        // Raised anew meanwhile, by another outage: then all of it is done again, before the renewal.
        if (this.#outage !== outage) return;
      }
      await this.#renew();
      if (outage === undefined || this.#outage !== outage) return;
      this.#outage = undefined;
      this.#logger.info(
        { event: "sessions_settled", sessions: settled },
        "settled the sessions with redis after an outage",
      );
    } catch (error) {
      this.#raise();
      this.#notRenewed(error);
    }
  }

  #raise(): void {
    this.#outage = { raisedAt: performance.now(), refusalTold: this.#outage?.refusalTold ?? false };
  }

  /** That Redis does not answer is told by its connections; that it answers and refuses is told here, once an outage. */
  #notRenewed(error: unknown): void {
    const refusal = explainRefusal(error);
    if (refusal === undefined || this.#outage === undefined || this.#outage.refusalTold) {
      this.#logger.debug({ event: "lease_unrenewed", err: error }, "the lease could not be renewed; it is tried again");
      return;
    }
    this.#outage = { ...this.#outage, refusalTold: true };
    const reply = error instanceof Error ? error.message : String(error);
    this.#logger.warn(
      { event: "lease_refused", reply },
      `${refusal.found}: the lease cannot be renewed. ${refusal.mend}`,
    );
  }

  async #renew(): Promise<void> {
    const { nodeId, name, version, leaseMs, keyIds, certificate, sessionCount, work, clock } = this.#options;
    const askedAt = performance.now();
    const redisNow = await this.#nodes.renew(nodeId, {
      name,
      url: this.#url,
      version,
      leaseMs,
      pid: process.pid,
      startedAt: this.#startedAt,
      sessions: sessionCount(),
      draining: this.#draining,
      keyIds,
      certificate: certificate(),
      work: work(),
    });
    this.#renewedAt = performance.now();
    clock.learn(redisNow, askedAt, this.#renewedAt);
  }

  #look(): void {
    this.#looksInVain = this.#cameBack ? 0 : this.#looksInVain + 1;
    this.#cameBack = false;
    if (this.#looksInVain >= SILENT_LOOKS) this.#options.outages.silent();
    this.#sendCanary();
  }

  #answered(): void {
    this.#cameBack = true;
    this.#options.outages.answered();
  }

  #sendCanary(): void {
    this.#canary += 1;
    this.#canarySentAt = performance.now();
    const channel = this.#keys.nodeChannel(this.#options.nodeId);
    // Silence is the finding: a failure shows as a canary that does not come back. A Redis that refuses is not silent.
    this.#redis.publish(channel, encodeCanary(String(this.#canary))).catch((error: unknown) => {
      if (explainRefusal(error) !== undefined) this.#answered();
    });
  }
}
