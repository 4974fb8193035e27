import { randomBytes } from "node:crypto";
import type { RuleStore } from "./ruleStore.ts";

/** The rule cannot be held: another group has it, or it has too many replicas. */
export class RuleHeldError extends Error {
  readonly code = "RULE_HELD";
}

interface RuleLeaseOptions {
  readonly rule: string;
  readonly group: string;
  readonly leaseMs: number;
  /** Of a message that was being handled by a replica that is lost. */
  readonly maxTries: number;
  readonly onError: (error: unknown) => void;
  /** The lease was taken or renewed, and what lost replicas had is free. */
  readonly onLive: () => void;
  /** What the replica was given is others' now: it has another id from here on. */
  readonly onLost: () => void;
}

/** A renewal that failed is tried again after this, or after a third of the lease if that is less (ms). */
const RETRY_MS = 1_000;

/** One replica's lease on a rule: taken, renewed, and judged by this process' monotonic clock between renewals. */
export class RuleLease {
  readonly #rules: RuleStore;
  readonly #options: RuleLeaseOptions;
  #replicaId = newReplicaId();
  /** Held under this id before. */
  #held = false;
  #liveUntil = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #renewing: Promise<void> | undefined;
  #stopped = false;

  constructor(rules: RuleStore, options: RuleLeaseOptions) {
    this.#rules = rules;
    this.#options = options;
  }

  /** A new one after the lease was lost. */
  get replicaId(): string {
    return this.#replicaId;
  }

  /** Whether no other replica can have been given what this one has. */
  get isLive(): boolean {
    return performance.now() < this.#liveUntil;
  }

  /** Takes the lease and renews it from then on. @throws RuleHeldError; the connection's error. */
  async start(): Promise<void> {
    await this.#hold();
    this.#schedule(this.#options.leaseMs / 3);
  }

  /** Renews before it is time to: Redis says that the lease is over. */
  renewNow(): void {
    if (!this.#stopped) this.#schedule(0);
  }

  /** Gives the lease up, and what was not acked back. While Redis is away the lease lapses by itself. */
  async leave(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#renewing;
    this.#liveUntil = Number.NEGATIVE_INFINITY;
    await this.#rules.leave(this.#options.rule, this.#replicaId);
  }

  #schedule(inMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#renewing ??= this.#renew().finally(() => {
        this.#renewing = undefined;
      });
    }, inMs);
  }

  async #renew(): Promise<void> {
    const period = this.#options.leaseMs / 3;
    const next = await this.#hold().then(
      () => period,
      (error: unknown) => {
        this.#options.onError(error);
        return Math.min(RETRY_MS, period);
      },
    );
    if (!this.#stopped) this.#schedule(next);
  }

  async #hold(): Promise<void> {
    const { rule, group, leaseMs, onLive } = this.#options;
    // Before it is sent: Redis counts from later on.
    const sentAt = performance.now();
    const result = await this.#rules.hold(rule, group, this.#replicaId, leaseMs, this.#held);
    switch (result.outcome) {
      case "held":
        this.#held = true;
        this.#liveUntil = sentAt + leaseMs;
        onLive();
        if (result.lapsed.length > 0) await this.#park(result.lapsed);
        return;
      case "lost":
        this.#lose();
        return this.#hold();
      case "refused":
        this.#lose();
        throw new RuleHeldError(
          `The rule ${rule} is held by the group ${result.heldBy}: stop that one, or use its group.`,
        );
      case "full":
        throw new RuleHeldError(`The rule ${rule} has too many replicas: stop one first.`);
    }
  }

  /** What fails here is found again by the next renewal, of whichever replica. */
  async #park(lapsed: readonly string[]): Promise<void> {
    const { rule, maxTries, onError, onLive } = this.#options;
    for (const replicaId of lapsed) await this.#rules.park(rule, replicaId, maxTries).catch(onError);
    onLive();
  }

  #lose(): void {
    const held = this.#held;
    this.#held = false;
    this.#replicaId = newReplicaId();
    this.#liveUntil = Number.NEGATIVE_INFINITY;
    if (held) this.#options.onLost();
  }
}

function newReplicaId(): string {
  return randomBytes(9).toString("base64url");
}
