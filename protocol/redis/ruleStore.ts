import { SEPARATOR } from "../wire/basics.ts";
import { redisNow } from "./clock.ts";
import type { RedisConnection } from "./connection.ts";
import type { Keys } from "./keys.ts";
import { messageDigest } from "./messageDigest.ts";
import { runScript } from "./scripts.ts";

export type HoldResult =
  /** `lapsed`: replicas whose lease is over and that were given messages, for the caller to park. */
  | { readonly outcome: "held"; readonly lapsed: readonly string[] }
  | { readonly outcome: "refused"; readonly heldBy: string }
  /** `lost`: the replica's lease was over and what it was given is others': it comes back under another id. */
  | { readonly outcome: "full" | "lost" };

export interface RuleRecord {
  readonly rule: string;
  readonly group: string;
  /** Replicas whose lease is live. None: the rule is free. */
  readonly replicas: readonly string[];
  /** Messages in the inbox, unread or unacked. */
  readonly backlog: number;
  readonly deadLetters: number;
}

export interface AppendOptions {
  /** Messages that may wait in the inbox. */
  readonly maxBacklog: number;
  /**
   * Redis time (ms) after which it is not stored any more: a command that waited out a stall must not come true after its
   * node gave it up. Whenever, unless given.
   */
  readonly notAfter?: number;
  /** The follower's own id of the message. The newest 64 to 128 of each follower are known for a day after the last. */
  readonly messageId?: string;
  /** Told the id that the message has in the inbox: its handler knows it by this. */
  readonly onStored?: (inboxId: string) => void;
}

export type AppendOutcome = "appended" | "duplicate" | "id_conflict" | "unknown_rule" | "overloaded" | "late";

/** How many replicas may share one rule. */
const MAX_REPLICAS = 256;
/** Messages that one call takes back from a replica. */
const PARKED_AT_ONCE = 128;
/** How long the ids of a follower's messages to a rule are known after the last of them. */
const SEEN_MS = 86_400_000;

/** Rules: who holds them, as leases, and what followers send to them. `RuleInbox` is the replicas' side. */
export class RuleStore {
  readonly #redis: RedisConnection;
  readonly #keys: Keys;

  constructor(redis: RedisConnection, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /**
   * Holds a rule for a group as one of its replicas, or renews that. The rule must be a valid one.
   * @param renews the replica held the rule before, and must not if it was taken for lost since.
   */
  async hold(rule: string, group: string, replicaId: string, leaseMs: number, renews = false): Promise<HoldResult> {
    const own = this.#keys.rule(rule);
    // The index first: stopped in between, it names a rule that nobody holds, which is harmless.
    await this.#redis.zadd(this.#keys.rules, 0, rule);
    const reply = await runScript(
      this.#redis,
      "holdRule",
      [own.holder, own.replicas, own.inbox, own.lanes, own.waiting, own.ready, own.tries],
      [group, replicaId, leaseMs, MAX_REPLICAS, renews ? "1" : ""],
    );
    const outcome = reply.outcome("held", "refused", "full", "lost");
    if (outcome === "held") return { outcome, lapsed: reply.texts(1) };
    return outcome === "refused" ? { outcome, heldBy: reply.text(1) } : { outcome };
  }

  /** Gives up a replica's lease. What it was given and did not ack is given to others. */
  async leave(rule: string, replicaId: string): Promise<void> {
    const own = this.#keys.rule(rule);
    const reply = await runScript(this.#redis, "leaveRule", [own.holder, own.replicas, own.inbox], [replicaId]);
    if (reply.outcome("left", "pending") === "left") return;
    await this.park(rule, replicaId);
  }

  /**
   * Takes back what a replica was given that left, or whose lease lapsed: others may take it then. Does nothing to one whose
   * lease is live. @param maxTries of a replica that was lost: it was at the first message of each of its lanes, which counts as
   * a failed try, and after so many that message is a dead letter, if the replica had nothing else at last.
   */
  async park(rule: string, replicaId: string, maxTries?: number): Promise<void> {
    const own = this.#keys.rule(rule);
    const names = [own.replicas, own.inbox, own.lanes, own.waiting, own.ready, own.tries, own.deadLetters, own.holder];
    let indexed = "";
    for (;;) {
      const args = [replicaId, maxTries ?? "", indexed, PARKED_AT_ONCE];
      const reply = await runScript(this.#redis, "parkReplica", names, args);
      const outcome = reply.outcome("parked", "more", "last_try", "live");
      if (outcome === "parked" || outcome === "live") return;
      if (outcome === "last_try") {
        await this.#redis.sadd(this.#keys.deadLetterPlaces, `rule ${rule}`);
        indexed = "1";
      }
    }
  }

  /**
   * Puts a follower's message into the rule's inbox.
   *
   * `duplicate`: a message of this id is there, or was: it counts as accepted. `id_conflict`: the id was used for another
   * content. `late`: it came after `notAfter`. But for `appended`, nothing was stored.
   */
  async append(rule: string, identifier: string, content: string, options: AppendOptions): Promise<AppendOutcome> {
    const { maxBacklog, notAfter = 0, messageId = "" } = options;
    const own = this.#keys.rule(rule);
    const digest = messageId === "" ? "" : messageDigest(`${rule}${SEPARATOR}${content}`);
    const reply = await runScript(
      this.#redis,
      "appendInbound",
      [own.replicas, own.inbox, this.#keys.seen(rule, identifier)],
      [identifier, content, maxBacklog, notAfter, messageId, digest, SEEN_MS],
    );
    const outcome = reply.outcome("appended", "duplicate", "id_conflict", "unknown_rule", "overloaded", "late");
    if (outcome === "appended") options.onStored?.(reply.text(1));
    return outcome;
  }

  /** Every rule that was ever held and not forgotten since, in lexical order. */
  async list(): Promise<RuleRecord[]> {
    const rules = await this.#redis.zrange(this.#keys.rules, "0", "-1");
    const now = await redisNow(this.#redis);
    return Promise.all(
      rules.map(async (rule) => {
        const own = this.#keys.rule(rule);
        const [group, replicas, backlog, deadLetters] = await Promise.all([
          this.#redis.hget(own.holder, "group"),
          this.#redis.zrange(own.replicas, `(${now}`, "+inf", "BYSCORE"),
          this.#redis.xlen(own.inbox),
          this.#redis.xlen(own.deadLetters),
        ]);
        return { rule, group: group ?? "", replicas, backlog, deadLetters };
      }),
    );
  }

  /** Forgets a rule that nobody holds, whose inbox is empty and which has no dead letters. */
  async forgetIfIdle(rule: string): Promise<boolean> {
    const own = this.#keys.rule(rule);
    const reply = await runScript(
      this.#redis,
      "forgetRule",
      [own.holder, own.replicas, own.inbox, own.lanes, own.waiting, own.ready, own.tries, own.deadLetters],
      [],
    );
    if (reply.outcome("forgotten", "in_use") === "in_use") return false;
    await this.#redis.zrem(this.#keys.rules, rule);
    return true;
  }
}
