import { redisNow } from "./clock.ts";
import type { RedisConnection } from "./connection.ts";
import type { Keys } from "./keys.ts";
import { runScript } from "./scripts.ts";

export type HoldResult =
  | { readonly outcome: "held" | "full" }
  | { readonly outcome: "refused"; readonly heldBy: string };

export interface RuleRecord {
  readonly rule: string;
  readonly group: string;
  /** Replicas whose lease is live. None: the rule is free. */
  readonly replicas: readonly string[];
  /** Messages in the inbox, unread or unacked. */
  readonly backlog: number;
}

/** How many replicas may share one rule. */
const MAX_REPLICAS = 256;

/** Rules: who holds them, as leases, and the inbox (a stream) that their replicas read as one consumer group. */
export class RuleStore {
  readonly #redis: RedisConnection;
  readonly #keys: Keys;

  constructor(redis: RedisConnection, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** Holds a rule for a group as one of its replicas, or renews that. The rule must be a valid one. */
  async hold(rule: string, group: string, replicaId: string, leaseMs: number): Promise<HoldResult> {
    const own = this.#keys.rule(rule);
    // The index first: stopped in between, it names a rule that nobody holds, which is harmless.
    await this.#redis.zadd(this.#keys.rules, 0, rule);
    const reply = await runScript(
      this.#redis,
      "holdRule",
      [own.holder, own.replicas, own.inbox],
      [group, replicaId, leaseMs, MAX_REPLICAS],
    );
    const outcome = reply.outcome("held", "refused", "full");
    return outcome === "refused" ? { outcome, heldBy: reply.text(1) } : { outcome };
  }

  async leave(rule: string, replicaId: string): Promise<void> {
    await runScript(this.#redis, "leaveRule", [this.#keys.rule(rule).replicas], [replicaId]);
  }

  /**
   * Puts a follower's message into the rule's inbox. @param maxBacklog messages that may wait there. @param notAfter Redis
   * time (ms) after which it is not stored any more: a command that waited out a stall must not come true after its node
   * gave it up.
   */
  async append(
    rule: string,
    identifier: string,
    content: string,
    maxBacklog: number,
    notAfter = 0,
  ): Promise<"appended" | "unknown_rule" | "overloaded" | "late"> {
    const own = this.#keys.rule(rule);
    const reply = await runScript(
      this.#redis,
      "appendInbound",
      [own.replicas, own.inbox],
      [identifier, content, maxBacklog, notAfter],
    );
    return reply.outcome("appended", "unknown_rule", "overloaded", "late");
  }

  /** Takes handled messages out of the inbox. */
  async ack(rule: string, group: string, ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await runScript(this.#redis, "ackInbound", [this.#keys.rule(rule).inbox], [group, ...ids]);
  }

  /** Every rule that was ever held and not forgotten since, in lexical order. */
  async list(): Promise<RuleRecord[]> {
    const rules = await this.#redis.zrange(this.#keys.rules, "0", "-1");
    const now = await redisNow(this.#redis);
    return Promise.all(
      rules.map(async (rule) => {
        const own = this.#keys.rule(rule);
        const [group, replicas, backlog] = await Promise.all([
          this.#redis.hget(own.holder, "group"),
          this.#redis.zrange(own.replicas, `(${now}`, "+inf", "BYSCORE"),
          this.#redis.xlen(own.inbox),
        ]);
        return { rule, group: group ?? "", replicas, backlog };
      }),
    );
  }

  /** Forgets a rule that nobody holds and whose inbox is empty. */
  async forgetIfIdle(rule: string): Promise<boolean> {
    const own = this.#keys.rule(rule);
    const reply = await runScript(this.#redis, "forgetRule", [own.holder, own.replicas, own.inbox], []);
    if (reply.outcome("forgotten", "in_use") === "in_use") return false;
    await this.#redis.zrem(this.#keys.rules, rule);
    return true;
  }
}
