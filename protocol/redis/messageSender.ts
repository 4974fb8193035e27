import { randomBytes } from "node:crypto";
import { isIdentifier, LIMITS, splitApplication } from "../wire/index.ts";
import { isCluster, type RedisConnection } from "./connection.ts";
import type { Keys } from "./keys.ts";
import { parseReceipts, type ReceiptOutcome } from "./nodeMessages.ts";
import { Readiness } from "./readiness.ts";
import { runScript } from "./scripts.ts";
import { Subscription } from "./subscriber.ts";

export type OfflineReason =
  | "unknown_identifier"
  | "never_connected"
  | "disconnected"
  | "heartbeat_timeout"
  | "node_lost"
  | "draining"
  | "trust_revoked"
  | "identifier_not_allowed";

/** What became of a message. A value, never a hang: every send ends in one of these. */
export type SendResult =
  /** The follower's socket took it. */
  | { readonly result: "delivered"; readonly messageId: string; readonly node: string }
  /** The follower has no live session; nothing was kept. `lastSeenAt` and `now` are Redis time (ms). */
  | {
      readonly result: "offline";
      readonly messageId: string;
      readonly reason: string;
      readonly lastSeenAt?: number;
      readonly lastNode?: string;
      readonly now?: number;
    }
  /** The follower's send buffer, or this sender's list of unanswered messages, is full. */
  | { readonly result: "overloaded"; readonly messageId: string; readonly where: "follower" | "sender" }
  /** No receipt came in time: the message may have arrived. Without a node it was not sent. */
  | { readonly result: "timeout"; readonly messageId: string; readonly node?: string };

export class InvalidMessageError extends Error {
  readonly code = "INVALID_MESSAGE";
}

export interface SendOptions {
  /** How long to wait in all (ms): for Redis, while it is away, and then for the receipt. */
  readonly timeoutMs?: number;
}

export interface MessageSenderOptions {
  /** Messages without a receipt at any time; over it a send answers `overloaded` at once. */
  readonly maxUnanswered?: number;
  /** The most a frame may have (bytes). */
  readonly maxFrameBytes?: number;
}

interface Waiting {
  readonly resolve: (outcome: ReceiptOutcome | "timeout") => void;
  readonly timer: NodeJS.Timeout;
}

const DEFAULT_TIMEOUT_MS = 5_000;
const DEFAULT_MAX_UNANSWERED = 4_096;
/** A session may move while a message is under way: it is routed again, to the new owner. */
const MAX_ROUTES = 3;

/** Sends messages to followers, whichever node holds them. Needs Redis and nothing else. */
export class MessageSender {
  readonly senderId = randomBytes(9).toString("base64url");
  readonly #redis: RedisConnection;
  readonly #subscriber: RedisConnection;
  readonly #readiness: readonly Readiness[];
  readonly #keys: Keys;
  readonly #maxUnanswered: number;
  readonly #maxFrameBytes: number;
  readonly #waiting = new Map<string, Waiting>();
  readonly #idPrefix = randomBytes(9).toString("base64url");
  #count = 0;
  /** Messages that were taken and not answered yet, also those that wait for the subscription. */
  #unanswered = 0;
  #subscription: Promise<Subscription> | undefined;
  #listening = false;

  /** @param redis opened for `commands`; @param subscriber for `subscriber`. Both stay the caller's to close. */
  constructor(redis: RedisConnection, subscriber: RedisConnection, keys: Keys, options: MessageSenderOptions = {}) {
    this.#redis = redis;
    this.#subscriber = subscriber;
    this.#readiness = [new Readiness(redis), new Readiness(subscriber)];
    this.#keys = keys;
    this.#maxUnanswered = options.maxUnanswered ?? DEFAULT_MAX_UNANSWERED;
    this.#maxFrameBytes = options.maxFrameBytes ?? LIMITS.frameBytes;
  }

  /**
   * Sends `rule::content` to a follower. Connections that were just opened, or that lost Redis, are waited for.
   * @throws InvalidMessageError when the identifier or the message is not one, or is too large; nothing was sent.
   * @throws the connection's error when Redis cannot be reached within the timeout.
   */
  async sendMessageToClient(identifier: string, message: string, options: SendOptions = {}): Promise<SendResult> {
    this.#validate(identifier, message);
    const messageId = `${this.#idPrefix}${(this.#count++).toString(36)}`;
    if (this.#unanswered >= this.#maxUnanswered) return { result: "overloaded", messageId, where: "sender" };
    this.#unanswered++;
    try {
      return await this.#send(identifier, message, messageId, options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    } finally {
      this.#unanswered--;
    }
  }

  async #send(identifier: string, message: string, messageId: string, timeoutMs: number): Promise<SendResult> {
    const deadline = Date.now() + timeoutMs;
    if (!this.#readiness.every((connection) => connection.isReady)) {
      await Promise.all(this.#readiness.map((connection) => connection.within(timeoutMs)));
    }
    if (!this.#listening && !(await this.#listen(deadline - Date.now()))) return { result: "timeout", messageId };
    const own = this.#keys.follower(identifier);
    for (let route = 1; ; route++) {
      const receipt = this.#awaitReceipt(messageId, deadline - Date.now());
      let node: string;
      try {
        const reply = await runScript(
          this.#redis,
          "routeMessage",
          [own.session, own.trust],
          [identifier, messageId, this.senderId, this.#keys.nodeChannelPrefix, message],
        );
        if (reply.outcome("routed", "offline") === "offline") {
          this.#settle(messageId, "timeout");
          const lastSeenAt = reply.number(2);
          return {
            result: "offline",
            messageId,
            reason: reply.text(1),
            ...(lastSeenAt === 0 ? {} : { lastSeenAt, lastNode: reply.text(3), now: reply.number(4) }),
          };
        }
        node = reply.text(1);
        // On one Redis the count is the truth. On a Redis Cluster it is local: there only a receipt tells.
        if (reply.number(2) === 0 && !isCluster(this.#redis)) {
          this.#settle(messageId, "timeout");
          return { result: "offline", messageId, reason: "node_lost", lastNode: node };
        }
      } catch (error) {
        this.#settle(messageId, "timeout");
        throw error;
      }
      const outcome = await receipt;
      switch (outcome) {
        case "delivered":
          return { result: "delivered", messageId, node };
        case "overloaded":
          return { result: "overloaded", messageId, where: "follower" };
        case "timeout":
          // Where the count is the truth somebody was there to hear: what was heard may still be delivered.
          return isCluster(this.#redis) && (await this.#isKnownDead(node))
            ? { result: "offline", messageId, reason: "node_lost", lastNode: node }
            : { result: "timeout", messageId, node };
        case "stale":
          if (route === MAX_ROUTES) return { result: "offline", messageId, reason: "disconnected", lastNode: node };
      }
    }
  }

  /** Answers what still waits with `timeout`, and stops listening. */
  async close(): Promise<void> {
    for (const messageId of [...this.#waiting.keys()]) this.#settle(messageId, "timeout");
    const subscription = this.#subscription;
    this.#subscription = undefined;
    if (subscription === undefined) return;
    const closed = subscription
      .then((open) => open.close())
      .finally(() => {
        this.#listening = false;
      });
    // One that waits for Redis to come back is not waited for.
    if (this.#listening) await closed;
    else closed.catch(() => {});
  }

  #validate(identifier: string, message: string): void {
    if (!isIdentifier(identifier)) {
      throw new InvalidMessageError(
        "The identifier is not one: 1 to 64 letters, digits, dots, underscores and hyphens, first a letter or digit.",
      );
    }
    if (splitApplication(message) === undefined) {
      throw new InvalidMessageError(
        "The message has no rule: write rule::content, the rule 1 to 128 characters and not `builtin`.",
      );
    }
    const bytes = Buffer.byteLength(message, "utf8");
    if (bytes > this.#maxFrameBytes) {
      throw new InvalidMessageError(
        `The message has ${bytes} bytes: a frame may have ${this.#maxFrameBytes}. Split it.`,
      );
    }
  }

  /** True when receipts are heard; false when that did not come about in time. @throws the connection's error. */
  async #listen(timeoutMs: number): Promise<boolean> {
    // Fails at once while Redis is away, where a subscription waits.
    await this.#redis.exists(this.#keys.schemaVersion);
    this.#subscription ??= this.#subscribe();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), timeoutMs);
    });
    return Promise.race([this.#subscription.then(() => true), late]).finally(() => clearTimeout(timer));
  }

  async #subscribe(): Promise<Subscription> {
    try {
      const subscription = await Subscription.open(this.#subscriber, this.#keys.replyChannel(this.senderId), (text) => {
        for (const receipt of parseReceipts(text)) this.#settle(receipt.messageId, receipt.outcome);
      });
      this.#listening = true;
      return subscription;
    } catch (error) {
      this.#subscription = undefined;
      throw error;
    }
  }

  /** The message is answered whatever comes of this question: what cannot be asked is not known. */
  async #isKnownDead(node: string): Promise<boolean> {
    return (await this.#redis.exists(this.#keys.node(node)).catch(() => 1)) === 0;
  }

  #awaitReceipt(messageId: string, timeoutMs: number): Promise<ReceiptOutcome | "timeout"> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#settle(messageId, "timeout"), Math.max(1, timeoutMs));
      this.#waiting.set(messageId, { resolve, timer });
    });
  }

  #settle(messageId: string, outcome: ReceiptOutcome | "timeout"): void {
    const waiting = this.#waiting.get(messageId);
    if (waiting === undefined) return;
    this.#waiting.delete(messageId);
    clearTimeout(waiting.timer);
    waiting.resolve(outcome);
  }
}
