import { randomBytes } from "node:crypto";
import { isRule, withSender } from "../wire/index.ts";
import { type RedisConnection, whenReady } from "./connection.ts";
import type { Keys } from "./keys.ts";
import { RuleStore } from "./ruleStore.ts";

export interface InboundMessage {
  /** The stream's id of the message: rises in the order of arrival. */
  readonly id: string;
  readonly rule: string;
  readonly identifier: string;
  readonly content: string;
  /** The frame as the node rewrote it: `rule::identifier::content`. */
  readonly frame: string;
}

export type RuleHandler = (message: InboundMessage) => void | Promise<void>;

/** The rule cannot be held: another group has it, or it has too many replicas. */
export class RuleHeldError extends Error {
  readonly code = "RULE_HELD";
}

export interface RuleConsumerOptions {
  readonly rule: string;
  /** Replicas of one group share the rule: each message goes to one of them. */
  readonly group: string;
  readonly handler: RuleHandler;
  /** A handler or Redis failed. The message stays unacked and is read again. */
  readonly onError: (error: unknown) => void;
  readonly leaseMs?: number;
}

const LEASE_MS = 15_000;
const BLOCK_MS = 2_000;
/** Small, so that a slow handler has not many waiting behind it when their time to be taken over comes. */
const BATCH = 16;
/** A message that its replica did not ack for so long is taken over: the replica is dead, or its handler is. */
const RECLAIM_IDLE_MS = 60_000;
const RECLAIM_EVERY_MS = 15_000;

/** Without fields: the stream lost the message and the group's pending list did not. */
type StreamEntry = [id: string, fields: string[] | null];

/** One replica that holds a rule and handles what arrives, one message at a time, acked after the handler. */
export class RuleConsumer {
  readonly replicaId = randomBytes(9).toString("base64url");
  readonly #options: RuleConsumerOptions;
  readonly #redis: RedisConnection;
  readonly #blocking: RedisConnection;
  readonly #rules: RuleStore;
  readonly #inbox: string;
  #stopped = false;
  #renewal: NodeJS.Timeout | undefined;
  #loop: Promise<void> | undefined;
  #reclaimAt = 0;
  /** Where to go on reading what was delivered to this replica and not acked; undefined when there is nothing such. */
  #ownFrom: string | undefined;

  /** @param redis opened for `commands`; @param blocking opened for `blocking` and used by this consumer alone. */
  constructor(redis: RedisConnection, blocking: RedisConnection, keys: Keys, options: RuleConsumerOptions) {
    if (!isRule(options.rule)) {
      throw new RuleHeldError(
        "The rule is not one: 1 to 128 characters without `::` or control characters, not ending in a colon, not `builtin`.",
      );
    }
    this.#redis = redis;
    this.#blocking = blocking;
    this.#options = options;
    this.#rules = new RuleStore(redis, keys);
    this.#inbox = keys.rule(options.rule).inbox;
  }

  /** Takes the rule and begins to handle. @throws RuleHeldError when another group holds it. */
  async start(): Promise<void> {
    await this.#hold();
    const period = (this.#options.leaseMs ?? LEASE_MS) / 3;
    this.#renewal = setInterval(() => {
      this.#hold().catch(this.#options.onError);
    }, period);
    await whenReady(this.#blocking);
    this.#loop = this.#read();
  }

  /** Lets the handler in progress finish, then gives the rule up. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#renewal);
    this.#blocking.disconnect();
    await this.#loop;
    // While Redis is away the lease lapses by itself.
    await this.#rules.leave(this.#options.rule, this.replicaId).catch(this.#options.onError);
  }

  async #hold(): Promise<void> {
    const { rule, group } = this.#options;
    const held = await this.#rules.hold(rule, group, this.replicaId, this.#options.leaseMs ?? LEASE_MS);
    if (held.outcome === "refused") {
      throw new RuleHeldError(`The rule ${rule} is held by the group ${held.heldBy}: stop that one, or use its group.`);
    }
    if (held.outcome === "full") throw new RuleHeldError(`The rule ${rule} has too many replicas: stop one first.`);
  }

  async #read(): Promise<void> {
    while (!this.#stopped) {
      try {
        for (const entry of await this.#next()) {
          if (this.#stopped) return;
          await this.#handle(entry);
        }
      } catch (error) {
        if (this.#stopped) return;
        this.#options.onError(error);
        // A reply, or the rest of a batch, may be lost to us and still count as delivered: read that before anything new.
        this.#ownFrom = "0";
        await new Promise((resolve) => setTimeout(resolve, 200 + Math.random() * 300));
      }
    }
  }

  async #next(): Promise<StreamEntry[]> {
    const { group } = this.#options;
    if (Date.now() >= this.#reclaimAt) {
      this.#reclaimAt = Date.now() + RECLAIM_EVERY_MS;
      const [, claimed] = (await this.#redis.xautoclaim(
        this.#inbox,
        group,
        this.replicaId,
        RECLAIM_IDLE_MS,
        "0",
        "COUNT",
        BATCH,
      )) as [string, StreamEntry[]];
      if (claimed.length > 0) return claimed;
    }
    if (this.#ownFrom !== undefined) {
      const own = await this.#readGroup(this.#ownFrom);
      this.#ownFrom = own.at(-1)?.[0];
      if (own.length > 0) return own;
    }
    return this.#readGroup(">");
  }

  /** @param from `>` for what no replica was given yet (waits for it), or an id: what this one was given after it. */
  async #readGroup(from: string): Promise<StreamEntry[]> {
    const reply = (await this.#blocking.xreadgroup(
      "GROUP",
      this.#options.group,
      this.replicaId,
      "COUNT",
      BATCH,
      "BLOCK",
      BLOCK_MS,
      "STREAMS",
      this.#inbox,
      from,
    )) as [string, StreamEntry[]][] | null;
    return reply?.[0]?.[1] ?? [];
  }

  async #handle([id, fields]: StreamEntry): Promise<void> {
    const { rule, group, handler } = this.#options;
    if (fields === null) return this.#rules.ack(rule, group, [id]);
    const values = new Map<string, string>();
    for (let index = 0; index + 1 < fields.length; index += 2) values.set(fields[index] ?? "", fields[index + 1] ?? "");
    const identifier = values.get("from") ?? "";
    const content = values.get("content") ?? "";
    try {
      await handler({ id, rule, identifier, content, frame: withSender(rule, identifier, content) });
    } catch (error) {
      this.#options.onError(error);
      return;
    }
    await this.#rules.ack(rule, group, [id]);
  }
}
