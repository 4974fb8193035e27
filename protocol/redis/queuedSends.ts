import type { RedisConnection } from "./connection.ts";
import { before } from "./deadline.ts";
import type { EnqueueOutcome } from "./enqueueBatch.ts";
import { MaybeQueuedError, RecordError } from "./errors.ts";
import type { Keys } from "./keys.ts";
import type { MessageQueue } from "./messageQueue.ts";
import type { ReceiptOutcome } from "./nodeMessages.ts";
import { QueuedProgress } from "./queuedProgress.ts";
import type { QueueLimits } from "./queueLimits.ts";
import type { ReceiptsWaiting } from "./receiptsWaiting.ts";
import { recordedResult } from "./recordedResult.ts";
import { explainRefusal } from "./refusal.ts";
import type { SendOptions } from "./sendOptions.ts";
import type { SendResult } from "./sendResult.ts";

/** A message to be queued, as it was checked. */
export interface QueuedSend {
  readonly identifier: string;
  readonly frame: string;
  readonly messageId: string;
  /** The id does not name its follower. */
  readonly isOwnId: boolean;
  /** The id was made for this message alone: a receipt with it can mean no other. */
  readonly isUnique: boolean;
  readonly ttlMs: number;
  readonly waitFor: NonNullable<SendOptions["waitFor"]>;
  /** By the monotonic clock (ms). */
  readonly deadline: number;
}

type StillQueued = Extract<SendResult, { readonly result: "queued" }>;

/** Receipts may be lost: the record is asked after so long without one (ms), then after twice as long, and so on. */
const FIRST_ASK_MS = 1_000;
const MAX_ASK_MS = 5_000;
/** Where no receipt comes, because another send waits for it (ms). */
const FIRST_ASK_UNHEARD_MS = 50;

/** Sends that outlast the follower's absence: into its queue, and then, for who wants to, after what becomes of them there. */
export class QueuedSends {
  readonly #redis: RedisConnection;
  readonly #keys: Keys;
  readonly #queue: MessageQueue;
  readonly #senderId: string;
  readonly #receipts: ReceiptsWaiting;
  readonly #limits: QueueLimits;

  constructor(
    redis: RedisConnection,
    keys: Keys,
    queue: MessageQueue,
    senderId: string,
    receipts: ReceiptsWaiting,
    limits: QueueLimits,
  ) {
    this.#redis = redis;
    this.#keys = keys;
    this.#queue = queue;
    this.#senderId = senderId;
    this.#receipts = receipts;
    this.#limits = limits;
  }

  /** @throws MaybeQueuedError when the answer was lost, or Redis failed half-way; Redis' own when it refuses. */
  async send(message: QueuedSend): Promise<SendResult> {
    const { messageId, waitFor, deadline } = message;
    if (waitFor === "queued") return this.#queued(message, await this.#enqueue(message, ""));
    const progress = new QueuedProgress(deadline);
    // Receipts name a message by its id alone, so only one send of this process listens for an id.
    const listens = !this.#receipts.has(messageId);
    if (listens) this.#receipts.add(messageId, deadline, progress);
    try {
      const queued = this.#queued(message, await this.#enqueue(message, listens ? this.#senderId : ""));
      if (queued.result !== "queued") return queued;
      const hears = listens && queued.duplicate !== true;
      return await this.#follow(message, queued, progress, hears ? FIRST_ASK_MS : FIRST_ASK_UNHEARD_MS);
    } finally {
      if (listens) this.#receipts.remove(messageId, progress);
    }
  }

  async #enqueue(message: QueuedSend, senderId: string): Promise<EnqueueOutcome | undefined> {
    const { identifier, messageId, isOwnId, frame, ttlMs, deadline } = message;
    try {
      const item = { identifier, messageId, isOwnId, frame, ttlMs, senderId };
      return await before(deadline, this.#queue.enqueue(item, this.#limits));
    } catch (error) {
      // All commands of a kind are refused before they do anything; a script that fails has done what came before.
      const { concerns = "command" } = explainRefusal(error) ?? {};
      if (error instanceof RecordError || concerns !== "command") throw error;
      throw new MaybeQueuedError(messageId, error);
    }
  }

  #queued({ messageId, isUnique, waitFor }: QueuedSend, outcome: EnqueueOutcome | undefined): SendResult {
    if (outcome === undefined) return { result: "timeout", messageId, reached: "accepted" };
    switch (outcome.outcome) {
      case "queued":
        return {
          result: "queued",
          messageId,
          reached: outcome.node === undefined ? "queued" : "routed",
          seq: outcome.seq,
        };
      case "duplicate":
        // Of an id that nobody else has it is this very message, queued by a call that failed later on.
        return { ...recordedResult(outcome.record, waitFor), ...(isUnique ? {} : { duplicate: true }) };
      case "id_conflict":
        return { result: "id_conflict", messageId, reached: "accepted" };
      case "overflow": {
        const limit = outcome.cap === "messages" ? this.#limits.maxMessages : this.#limits.maxBytes;
        return { result: "overflow", messageId, reached: "accepted", cap: outcome.cap, limit };
      }
      default:
        return { result: "offline", messageId, reached: "accepted", reason: outcome.outcome };
    }
  }

  /** Until it got as far as it shall, or the time is up. The record is the truth; a receipt says when to ask for it. */
  async #follow(
    message: QueuedSend,
    queued: StillQueued,
    progress: QueuedProgress,
    askMs: number,
  ): Promise<SendResult> {
    let known = queued;
    for (let pauseMs = askMs; ; ) {
      const heard = await progress.next(pauseMs);
      if (heard === "late") return known;
      if (heard === "written" && message.isUnique) {
        // The record says so only when no ack follows soon.
        if (message.waitFor === "written") return this.#delivered("written", message, queued);
        known = { ...known, reached: "written" };
        continue;
      }
      const found = await this.#recorded(message);
      if (found !== undefined && found.result !== "queued") {
        return queued.duplicate === true ? { ...found, duplicate: true } : found;
      }
      // Its record may have gone since: a busy follower's are the last of many.
      const told = heard !== undefined && message.isUnique ? await this.#told(heard, message, queued) : undefined;
      if (told !== undefined) return told;
      if (found?.reached === "written" || known.reached === "queued") known = { ...known, ...found };
      pauseMs = heard === undefined ? Math.min(pauseMs * 2, MAX_ASK_MS) : FIRST_ASK_UNHEARD_MS;
    }
  }

  /** What a receipt says by itself; undefined when it ends nothing. */
  async #told(heard: ReceiptOutcome, message: QueuedSend, queued: StillQueued): Promise<SendResult | undefined> {
    const { messageId } = message;
    switch (heard) {
      case "acked":
        return this.#delivered("acked", message, queued);
      case "delivered":
        return this.#delivered("written", message, queued);
      case "expired":
        return { result: "expired", messageId, reached: "expired" };
      case "rejected":
        return { result: "rejected", messageId, reached: "rejected", reason: "" };
      default:
        return undefined;
    }
  }

  async #delivered(
    reached: "written" | "acked",
    { identifier, messageId, deadline }: QueuedSend,
    { seq }: StillQueued,
  ): Promise<SendResult> {
    const owner = this.#redis.hget(this.#keys.follower(identifier).session, "nodeId").catch(() => null);
    return { result: "delivered", messageId, reached, node: (await before(deadline, owner)) ?? "", seq };
  }

  /** Undefined when Redis did not say. */
  async #recorded({ identifier, messageId, waitFor, deadline }: QueuedSend): Promise<SendResult | undefined> {
    const asked = this.#queue.record(messageId, identifier).catch(() => undefined);
    const record = await before(deadline, asked);
    return record === undefined ? undefined : recordedResult(record, waitFor);
  }
}
