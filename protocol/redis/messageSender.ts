import { randomBytes } from "node:crypto";
import { LIMITS } from "../wire/basics.ts";
import type { RedisConnection } from "./connection.ts";
import { before } from "./deadline.ts";
import type { Keys } from "./keys.ts";
import { LiveSends } from "./liveSends.ts";
import { type NewMessageId, newMessageId } from "./messageIds.ts";
import { MessageQueue } from "./messageQueue.ts";
import type { MessageRecord } from "./messageRecord.ts";
import { QueuedSends } from "./queuedSends.ts";
import { QUEUE_LIMITS, QUEUE_TTL_MS, type QueueLimits } from "./queueLimits.ts";
import { Readiness } from "./readiness.ts";
import { ReceiptsWaiting } from "./receiptsWaiting.ts";
import { checkIdentifier, checkMessageId, checkSend, type SendOptions } from "./sendOptions.ts";
import type { SendResult } from "./sendResult.ts";
import { Subscription } from "./subscriber.ts";

export interface MessageSenderOptions {
  /** Messages that were not answered yet at any time; over it a send answers `overloaded` at once. */
  readonly maxUnanswered?: number;
  /** The most a frame may have (bytes). */
  readonly maxFrameBytes?: number;
  /** What may wait for one follower, and for how long (ms) unless a send says otherwise: 1,000 messages, 1 MiB, a day. */
  readonly queue?: Partial<QueueLimits> & { readonly ttlMs?: number };
}

const DEFAULT_TIMEOUT_MS = 5_000;
const DEFAULT_MAX_UNANSWERED = 4_096;

/** Sends messages to followers, whichever node holds them. Needs Redis and nothing else. */
export class MessageSender {
  readonly senderId = randomBytes(9).toString("base64url");
  readonly #redis: RedisConnection;
  readonly #subscriber: RedisConnection;
  readonly #readiness: readonly Readiness[];
  readonly #keys: Keys;
  readonly #maxUnanswered: number;
  readonly #maxFrameBytes: number;
  readonly #queueTtlMs: number;
  readonly #receipts = new ReceiptsWaiting();
  readonly #queue: MessageQueue;
  readonly #live: LiveSends;
  readonly #queued: QueuedSends;
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
    const { ttlMs = QUEUE_TTL_MS, ...limits } = options.queue ?? {};
    this.#queueTtlMs = ttlMs;
    this.#queue = new MessageQueue(redis, keys);
    this.#live = new LiveSends(redis, keys, this.#queue, this.senderId, this.#receipts);
    const queueLimits = { ...QUEUE_LIMITS, ...limits };
    this.#queued = new QueuedSends(redis, keys, this.#queue, this.senderId, this.#receipts, queueLimits);
  }

  /**
   * Sends `rule::content` to a follower. Connections that were just opened, or that lost Redis, are waited for.
   * @throws InvalidMessageError when the message is none, or cannot be sent so; nothing was sent.
   * @throws MaybeQueuedError when Redis was lost, or failed, while the message was queued.
   * @throws the connection's error when Redis cannot be reached within the timeout.
   */
  async sendMessageToClient(identifier: string, message: string, options: SendOptions = {}): Promise<SendResult> {
    checkSend(identifier, message, options, this.#maxFrameBytes);
    const { delivery = "live", record = false, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
    const { messageId, isOwnId } = this.#idOf(identifier, options);
    options.onNamed?.(messageId);
    if (this.#unanswered >= this.#maxUnanswered) {
      return { result: "overloaded", messageId, reached: "accepted", where: "sender" };
    }
    const deadline = performance.now() + timeoutMs;
    this.#unanswered++;
    try {
      if (!(this.#listening && this.#isReady) && !(await this.#listen(deadline))) {
        return { result: "timeout", messageId, reached: "accepted" };
      }
      const isUnique = options.messageId === undefined;
      if (delivery === "queued") {
        const { ttlMs = this.#queueTtlMs, waitFor = "queued" } = options;
        const send = { identifier, frame: message, messageId, isOwnId, isUnique, ttlMs, waitFor, deadline };
        return await this.#queued.send(send);
      }
      const receiptId = record || isUnique ? messageId : this.#passingId();
      const send = { identifier, frame: message, messageId, receiptId, deadline };
      return await (record ? this.#live.sendRecorded(send, isOwnId) : this.#live.send(send));
    } finally {
      this.#unanswered--;
    }
  }

  /**
   * How far a message got that was queued, or sent live with `record`. Undefined when there is no record (any more): it is
   * kept for a day after the message ended, of the last 1,000 of a follower.
   * @param identifier the follower, which finds it sooner. An id of your own that you gave to messages for several followers
   *   needs it: without it the first of them is found.
   * @throws InvalidMessageError when one of them is none; the connection's error when Redis cannot be reached in 5 s.
   */
  async getMessage(messageId: string, identifier?: string): Promise<MessageRecord | undefined> {
    checkMessageId(messageId);
    if (identifier !== undefined) checkIdentifier(identifier);
    await this.#readiness[0]?.within(DEFAULT_TIMEOUT_MS);
    return this.#queue.record(messageId, identifier);
  }

  #idOf(identifier: string, { messageId, delivery, record }: SendOptions): NewMessageId {
    if (messageId !== undefined) return { messageId, isOwnId: true };
    const isKept = delivery === "queued" || record === true;
    return isKept ? newMessageId(identifier) : { messageId: this.#passingId(), isOwnId: true };
  }

  /** Names a message while it is under way, to nobody but this sender. */
  #passingId(): string {
    return `${this.#idPrefix}${(this.#count++).toString(36)}`;
  }

  get #isReady(): boolean {
    return this.#readiness.every((connection) => connection.isReady);
  }

  /** True when receipts are heard; false when that did not come about in time. @throws the connection's error. */
  async #listen(deadline: number): Promise<boolean> {
    const timeoutMs = deadline - performance.now();
    await Promise.all(this.#readiness.map((connection) => connection.within(timeoutMs)));
    if (this.#listening) return true;
    // Fails at once while Redis is away, where a subscription waits.
    await this.#redis.exists(this.#keys.schemaVersion);
    this.#subscription ??= this.#subscribe();
    return (await before(deadline, this.#subscription)) !== undefined;
  }

  async #subscribe(): Promise<Subscription> {
    try {
      const subscription = await Subscription.open(this.#subscriber, this.#keys.replyChannel(this.senderId), (text) => {
        this.#receipts.hear(text);
      });
      this.#listening = true;
      return subscription;
    } catch (error) {
      this.#subscription = undefined;
      throw error;
    }
  }

  /** Ends what still waits, with what is known of it, and stops listening. */
  async close(): Promise<void> {
    this.#receipts.close();
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
}
