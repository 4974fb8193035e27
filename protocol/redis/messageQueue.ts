import { isMessageId } from "../wire/basics.ts";
import type { GapReason } from "../wire/index.ts";
import type { RedisConnection } from "./connection.ts";
import { type Enqueue, EnqueueBatch, type EnqueueOutcome } from "./enqueueBatch.ts";
import type { FollowerKeys, Keys } from "./keys.ts";
import { messageDigest } from "./messageDigest.ts";
import { namedIdentifier } from "./messageIds.ts";
import { MessageIndex } from "./messageIndex.ts";
import { type MessageRecord, parseMessageRecord } from "./messageRecord.ts";
import { QueueIndex } from "./queueIndex.ts";
import { QUEUE_RETENTION, type QueueLimits, type QueueRetention } from "./queueLimits.ts";
import { runScript, type ScriptReply } from "./scripts.ts";
import { SettleBatch, type Settlement, type SettleOutcome } from "./settleBatch.ts";

export interface QueuedMessage {
  readonly seq: number;
  readonly messageId: string;
  /** `rule::content`. */
  readonly frame: string;
  /** Who waits to hear how far it gets; empty when nobody does. */
  readonly senderId: string;
}

/** Messages that were dropped, and that the follower was not told of for sure. */
export interface QueueGap {
  readonly fromSeq: number;
  readonly toSeq: number;
  readonly reason: GapReason;
}

export interface QueueRead {
  readonly messages: readonly QueuedMessage[];
  readonly gaps: readonly QueueGap[];
  /** The end was not reached. */
  readonly more: boolean;
}

/** The follower will never take the message. */
export interface Rejection extends Omit<Settlement, "outcome"> {
  /** The follower's own words, for a person. */
  readonly reason: string;
}

/** A live message of which a record is kept. */
export interface LiveMessage {
  readonly identifier: string;
  readonly messageId: string;
  /** The id does not name the follower (`newMessageId`): it is put into the index. */
  readonly isOwnId: boolean;
  /** `rule::content`. */
  readonly frame: string;
}

/** How far a recorded live message got. */
export interface LiveProgress {
  readonly identifier: string;
  readonly messageId: string;
  readonly state: "routed" | "written" | "acked" | "rejected" | "offline" | "overloaded";
  readonly node?: string;
  readonly reason?: string;
}

export type RecordOutcome =
  | { readonly outcome: "recorded" }
  | { readonly outcome: "duplicate"; readonly record: MessageRecord }
  | { readonly outcome: "id_conflict" | "unknown_identifier" };

export interface Tidied {
  readonly expired: number;
  /** Records of messages that ended long ago. */
  readonly forgotten: number;
  /** When something is due again (Redis time, ms); undefined when nothing is left. */
  readonly nextDueAt: number | undefined;
  /** There was more to do than one call does. */
  readonly more: boolean;
}

/** Messages or records that one call tidies at most: a script stops all of Redis while it runs. */
const MAX_TIDIED = 100;
/** How often a queue is tidied before a read. */
const MAX_TIDYINGS = 10;

/**
 * The messages of followers: what is queued until they have it, and records of what became of each. A message ends in
 * exactly one way, and only the epoch that owns the session can say that the follower has it.
 */
export class MessageQueue {
  readonly #redis: RedisConnection;
  readonly #keys: Keys;
  readonly #retention: QueueRetention;
  readonly #index: QueueIndex;
  readonly #messageIndex: MessageIndex;
  readonly #enqueues: EnqueueBatch;
  readonly #settlements: SettleBatch;

  constructor(redis: RedisConnection, keys: Keys, retention = QUEUE_RETENTION) {
    this.#redis = redis;
    this.#keys = keys;
    this.#retention = retention;
    this.#index = new QueueIndex(redis, keys);
    this.#messageIndex = new MessageIndex(redis, keys);
    this.#enqueues = new EnqueueBatch(redis, keys, this.#index, this.#messageIndex, retention, (identifier) =>
      this.tidy(identifier),
    );
    this.#settlements = new SettleBatch(redis, keys, retention);
  }

  /** Queues a message once, however often it is sent. Messages for one follower are queued in the order of the calls. */
  async enqueue(message: Enqueue, limits: QueueLimits): Promise<EnqueueOutcome> {
    return this.#enqueues.add(message, limits);
  }

  /**
   * What waits after a place of the queue, in order, without what expired; and the gaps. One message is read whatever
   * bytes it has.
   */
  async read(identifier: string, afterSeq: number, maxMessages: number, maxBytes: number): Promise<QueueRead> {
    const own = this.#keys.follower(identifier);
    // What expired becomes a gap first: the follower hears of it before the messages that follow.
    for (let tidyings = 0; ; tidyings++) {
      const reply = await runScript(
        this.#redis,
        "readQueue",
        [own.queue, own.queueDue, own.gaps],
        [afterSeq, maxMessages, maxBytes, tidyings < MAX_TIDYINGS ? 0 : 1],
      );
      if (reply.outcome("read", "tidy_first") === "read") return readBatch(reply);
      await this.tidy(identifier);
    }
  }

  /** Notes how far a message got. @see SettleOutcome */
  async settle(settlement: Settlement): Promise<SettleOutcome> {
    const outcome = await this.#settlements.add(settlement);
    return outcome === "already" && settlement.outcome === "acked" ? this.#ackExpired(settlement) : outcome;
  }

  /** An ack that comes after the message expired: the follower has it all the same. */
  async #ackExpired({ identifier, epoch, messageId, nodeId }: Settlement): Promise<SettleOutcome> {
    const own = this.#keys.follower(identifier);
    const keys = [own.session, own.messages, own.gaps, own.deadLetters];
    const reply = await runScript(this.#redis, "ackExpired", keys, [epoch, messageId, nodeId]);
    return reply.outcome("acked", "stale", "already") === "stale" ? "stale" : "already";
  }

  /** The message becomes a dead letter; who waits for it is told. */
  async reject(rejection: Rejection): Promise<SettleOutcome> {
    const { identifier, epoch, nodeId, messageId, writtenAgoMs, isNewTry, reason } = rejection;
    const own = this.#keys.follower(identifier);
    await this.#listDeadLetters(identifier);
    const reply = await runScript(
      this.#redis,
      "rejectQueued",
      [own.session, own.queue, own.queueDue, own.messages, own.settled, own.deadLetters],
      [
        epoch,
        nodeId,
        messageId,
        Math.round(writtenAgoMs),
        isNewTry ? 1 : 0,
        reason,
        this.#retention.settledMessages,
        this.#retention.deadLetters,
        this.#keys.replyChannel(""),
      ],
    );
    const outcome = reply.outcome("settled", "stale", "unknown", "already");
    if (outcome === "settled") await this.#listDeadLetters(identifier);
    return outcome;
  }

  /** The follower was told of the gaps up to a place for sure. The session of an older epoch changes nothing. */
  async forgetGaps(identifier: string, epoch: number, upToSeq: number): Promise<void> {
    const own = this.#keys.follower(identifier);
    await runScript(this.#redis, "forgetGaps", [own.session, own.gaps], [epoch, upToSeq]);
  }

  /** Takes what expired out of a queue, and forgets records of messages that ended long ago. */
  async tidy(identifier: string): Promise<Tidied> {
    const own = this.#keys.follower(identifier);
    const mayExpire = (await this.#redis.xlen(own.queue)) > 0;
    if (mayExpire) await this.#listDeadLetters(identifier);
    const reply = await runScript(
      this.#redis,
      "tidyQueue",
      [own.session, own.queue, own.queueDue, own.messages, own.settled, own.gaps, own.deadLetters],
      [
        identifier,
        MAX_TIDIED,
        this.#retention.settledMs,
        this.#retention.settledMessages,
        this.#retention.deadLetters,
        this.#retention.gaps,
        this.#keys.nodeChannelPrefix,
        this.#keys.replyChannel(""),
      ],
    );
    reply.outcome("tidied");
    const expired = reply.number(1);
    if (expired > 0) await this.#listDeadLetters(identifier);
    const nextDueAt = reply.number(3);
    return {
      expired,
      forgotten: reply.number(2),
      nextDueAt: nextDueAt === 0 ? undefined : nextDueAt,
      more: reply.number(4) === 1,
    };
  }

  /** Keeps a record of a live message, before it is routed. */
  async recordLive(message: LiveMessage): Promise<RecordOutcome> {
    const { identifier, messageId, isOwnId, frame } = message;
    const { settledMs } = this.#retention;
    const queues = new Map([[identifier, settledMs]]);
    const [keptUntil] = await this.#index.orForget(
      Promise.all([
        isOwnId ? this.#messageIndex.note(messageId, identifier, settledMs) : undefined,
        this.#index.covers(identifier, settledMs) ? undefined : this.#index.note(queues),
      ]),
    );
    const reply = await this.#recordLive(identifier, [
      messageId,
      "accepted",
      messageDigest(frame),
      Buffer.byteLength(frame, "utf8"),
      "",
      "",
    ]);
    const outcome = reply.outcome("recorded", "duplicate", "id_conflict", "unknown_identifier");
    if (outcome === "duplicate") return { outcome, record: parseMessageRecord(identifier, messageId, reply.text(1)) };
    if (outcome === "unknown_identifier" && keptUntil !== undefined) {
      await this.#messageIndex.forget(messageId, identifier, keptUntil);
    }
    if (outcome === "recorded" && !this.#index.wasAhead(identifier, reply.number(2))) {
      await this.#index.orForget(this.#index.note(queues));
    }
    return { outcome };
  }

  /** Notes how far a recorded live message got. One that has no record any more, or got further already, is left as it is. */
  async noteLive(progress: LiveProgress): Promise<void> {
    const { identifier, messageId, state, node = "", reason = "" } = progress;
    const reply = await this.#recordLive(identifier, [messageId, state, "", 0, node, reason]);
    reply.outcome("recorded", "unknown");
  }

  /**
   * What is known of a message; undefined when it has no record, or none any more.
   * @param identifier its follower. Without it the id tells, or the index, which has the first of several followers with the id.
   */
  async record(messageId: string, identifier?: string): Promise<MessageRecord | undefined> {
    if (!isMessageId(messageId)) return undefined;
    if (identifier !== undefined) return this.#recordOf(identifier, messageId);
    const guess = namedIdentifier(messageId);
    const found = guess === undefined ? undefined : await this.#recordOf(guess, messageId);
    if (found !== undefined) return found;
    const indexed = await this.#messageIndex.find(messageId);
    return indexed === undefined || indexed === guess ? undefined : this.#recordOf(indexed, messageId);
  }

  /**
   * The index comes first: stopped in between, it names a place without dead letters, which is harmless. And once more
   * after the letter, since who lists them may have found the place empty between the two.
   */
  async #listDeadLetters(identifier: string): Promise<void> {
    await this.#redis.sadd(this.#keys.deadLetterPlaces, `follower ${identifier}`);
  }

  async #recordOf(identifier: string, messageId: string): Promise<MessageRecord | undefined> {
    const packed = await this.#redis.hget(this.#keys.follower(identifier).messages, messageId);
    return packed === null ? undefined : parseMessageRecord(identifier, messageId, packed);
  }

  async #recordLive(identifier: string, args: readonly (string | number)[]): Promise<ScriptReply> {
    const own: FollowerKeys = this.#keys.follower(identifier);
    const all = [...args, this.#retention.settledMessages];
    return runScript(this.#redis, "recordLive", [own.trust, own.messages, own.settled], all);
  }
}

function readBatch(reply: ScriptReply): QueueRead {
  const firstGap = 3;
  const firstMessage = firstGap + reply.number(2);
  const texts = reply.texts(0);
  const messages: QueuedMessage[] = [];
  for (let place = firstMessage; place + 3 < texts.length; place += 4) {
    const [seq, messageId = "", frame = "", senderId = ""] = texts.slice(place, place + 4);
    messages.push({ seq: Number(seq), messageId, frame, senderId });
  }
  return { messages, gaps: texts.slice(firstGap, firstMessage).map(readGap), more: reply.number(1) === 1 };
}

function readGap(packed: string): QueueGap {
  const [from, to, reason] = packed.split(" ", 3);
  return { fromSeq: Number(from), toSeq: Number(to), reason: reason as GapReason };
}
