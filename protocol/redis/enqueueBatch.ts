import { isCluster, type RedisConnection } from "./connection.ts";
import { RecordError } from "./errors.ts";
import type { Keys } from "./keys.ts";
import { messageDigest } from "./messageDigest.ts";
import type { MessageIndex } from "./messageIndex.ts";
import { type MessageRecord, parseMessageRecord } from "./messageRecord.ts";
import type { QueueIndex } from "./queueIndex.ts";
import type { QueueLimits, QueueRetention } from "./queueLimits.ts";
import { type BatchGroup, callByFollower, FailedItem, ScriptBatch } from "./scriptBatch.ts";
import { runScript, type ScriptArgument } from "./scripts.ts";

/** A message to be queued. Its parts were checked: an identifier, a message id, a frame of a rule. */
export interface Enqueue {
  readonly identifier: string;
  readonly messageId: string;
  /** The id does not name the follower (`newMessageId`): it is put into the index. */
  readonly isOwnId: boolean;
  /** `rule::content`. */
  readonly frame: string;
  readonly ttlMs: number;
  /** Who waits to hear how far it gets; empty when nobody does. */
  readonly senderId: string;
}

/**
 * `queued`: it is durable, in that place; with a node that was told of it at once. `duplicate`: it was queued before.
 * `id_conflict`: the id is another message's. Of all but the first nothing was stored.
 */
export type EnqueueOutcome =
  | { readonly outcome: "queued"; readonly seq: number; readonly node?: string }
  | { readonly outcome: "duplicate"; readonly record: MessageRecord }
  | { readonly outcome: "overflow"; readonly cap: "messages" | "bytes" }
  | { readonly outcome: "id_conflict" | "unknown_identifier" | "identifier_not_allowed" };

interface Item extends Enqueue {
  readonly digest: string;
  readonly limits: QueueLimits;
}

/** How often a full queue is tidied for messages that found no room in it. */
const MAX_TIDYINGS = 10;

/** Queues messages, all of one turn of the event loop with one call. */
export class EnqueueBatch {
  readonly #redis: RedisConnection;
  readonly #keys: Keys;
  readonly #index: QueueIndex;
  readonly #messageIndex: MessageIndex;
  readonly #retention: QueueRetention;
  readonly #tidy: (identifier: string) => Promise<unknown>;
  readonly #batch: ScriptBatch<Item, EnqueueOutcome>;

  /** @param tidy makes room: what expired leaves the queue. */
  constructor(
    redis: RedisConnection,
    keys: Keys,
    index: QueueIndex,
    messageIndex: MessageIndex,
    retention: QueueRetention,
    tidy: (identifier: string) => Promise<unknown>,
  ) {
    this.#redis = redis;
    this.#keys = keys;
    this.#index = index;
    this.#messageIndex = messageIndex;
    this.#retention = retention;
    this.#tidy = tidy;
    this.#batch = new ScriptBatch({
      oneFollower: isCluster(redis),
      sizeOf: ({ frame }) => frame.length,
      run: (groups) => this.#run(groups),
    });
  }

  add(item: Enqueue, limits: QueueLimits): Promise<EnqueueOutcome> {
    return this.#batch.add(item.identifier, { ...item, digest: messageDigest(item.frame), limits });
  }

  #run(groups: readonly BatchGroup<Item>[]): Promise<(EnqueueOutcome | FailedItem)[]>[] {
    const answered = callByFollower(
      groups,
      (all) => this.#call(all),
      (group) => this.#call([group]),
    );
    return groups.map(async (group, place) => this.#outcomes(group, (await answered[place]) ?? []));
  }

  /** The script's answers, one an item. */
  #call(groups: readonly BatchGroup<Item>[]): Promise<string[]> {
    return this.#index.orForget(this.#enqueue(groups));
  }

  async #enqueue(groups: readonly BatchGroup<Item>[]): Promise<string[]> {
    // The indexes come first: stopped in between, they name what is not there, which is harmless.
    const [indexed] = await Promise.all([this.#indexMessages(groups), this.#indexQueues(groups)]);
    const keys: string[] = [];
    const args: ScriptArgument[] = [this.#keys.nodeChannelPrefix];
    for (const { identifier, items } of groups) {
      const own = this.#keys.follower(identifier);
      keys.push(own.session, own.trust, own.queue, own.queueDue, own.messages);
      args.push(identifier, items.length);
      for (const { messageId, digest, ttlMs, senderId, limits, frame } of items) {
        args.push(messageId, digest, ttlMs, senderId, limits.maxMessages, limits.maxBytes, frame);
      }
    }
    const reply = await runScript(this.#redis, "enqueueMessages", keys, args);
    reply.outcome("enqueued");
    const answers = reply.texts(2);
    await this.#indexAgain(groups, answers, reply.number(1), indexed);
    return answers;
  }

  /** Until when the entries of messages are kept, which tells them from later ones. */
  async #indexMessages(groups: readonly BatchGroup<Item>[]): Promise<ReadonlyMap<Item, number>> {
    const indexed = new Map<Item, number>();
    const own = groups.flatMap(({ items }) => items.filter(({ isOwnId }) => isOwnId));
    await Promise.all(
      own.map(async (item) => {
        const { messageId, identifier, ttlMs } = item;
        const keptUntil = await this.#messageIndex.note(messageId, identifier, ttlMs + this.#retention.settledMs);
        if (keptUntil !== undefined) indexed.set(item, keptUntil);
      }),
    );
    return indexed;
  }

  async #indexQueues(groups: readonly BatchGroup<Item>[]): Promise<void> {
    const uncovered = new Map<string, number>();
    for (const group of groups) {
      const soonest = this.#soonest(group);
      if (!this.#index.covers(group.identifier, soonest)) uncovered.set(group.identifier, soonest);
    }
    if (uncovered.size > 0) await this.#index.note(uncovered);
  }

  #soonest({ items }: BatchGroup<Item>): number {
    return Math.min(this.#retention.settledMs, ...items.map(({ ttlMs }) => ttlMs));
  }

  /** Takes out what names messages that were not queued, and puts back what a sweep took out before the others were. */
  async #indexAgain(
    groups: readonly BatchGroup<Item>[],
    answers: readonly string[],
    now: number,
    indexed: ReadonlyMap<Item, number>,
  ): Promise<void> {
    const missing = new Map<string, number>();
    const writes: Promise<void>[] = [];
    let place = 0;
    for (const group of groups) {
      for (const item of group.items) {
        const keptUntil = indexed.get(item);
        const letter = answers[place++]?.charAt(0) ?? "";
        if (letter === "q" || letter === "d") {
          if (!this.#index.wasAhead(group.identifier, now)) missing.set(group.identifier, this.#soonest(group));
        } else if (letter !== "c" && keptUntil !== undefined) {
          writes.push(this.#messageIndex.forget(item.messageId, item.identifier, keptUntil));
        }
      }
    }
    if (missing.size > 0) {
      const noted = this.#index.note(missing).catch((cause: unknown) => {
        // As a refusal it would say that nothing was done.
        throw new Error("The messages are queued, and the index may not name their queues.", { cause });
      });
      writes.push(noted);
    }
    if (writes.length > 0) await Promise.all(writes);
  }

  async #outcomes(
    group: BatchGroup<Item>,
    answers: readonly string[],
    tidyings = 0,
  ): Promise<(EnqueueOutcome | FailedItem)[]> {
    const outcomes: (EnqueueOutcome | FailedItem)[] = [];
    for (const [place, answer] of answers.entries()) {
      if (answer.startsWith("t") && tidyings < MAX_TIDYINGS) {
        // It and all that come after it were not stored, so that they keep their order.
        const rest = { identifier: group.identifier, items: group.items.slice(place) };
        return [...outcomes, ...(await this.#afterTidying(rest, tidyings + 1))];
      }
      outcomes.push(readItem(answer, group.identifier, group.items[place]?.messageId ?? ""));
    }
    return outcomes;
  }

  /** What fails here fails these alone: others of their call are queued. */
  async #afterTidying(rest: BatchGroup<Item>, tidyings: number): Promise<(EnqueueOutcome | FailedItem)[]> {
    try {
      await this.#tidy(rest.identifier);
      return await this.#outcomes(rest, await this.#call([rest]), tidyings);
    } catch (error) {
      return rest.items.map(() => new FailedItem(error));
    }
  }
}

function readItem(answer: string, identifier: string, messageId: string): EnqueueOutcome | FailedItem {
  try {
    return readOutcome(answer, identifier, messageId);
  } catch (error) {
    return new FailedItem(error);
  }
}

function readOutcome(answer: string, identifier: string, messageId: string): EnqueueOutcome {
  switch (answer.charAt(0)) {
    case "q": {
      const [, seq, node = "-"] = answer.split(" ", 3);
      return { outcome: "queued", seq: Number(seq), ...(node === "-" ? {} : { node }) };
    }
    case "d":
      return { outcome: "duplicate", record: parseMessageRecord(identifier, messageId, answer.slice(2)) };
    case "c":
      return { outcome: "id_conflict" };
    case "m":
      return { outcome: "overflow", cap: "messages" };
    case "b":
      return { outcome: "overflow", cap: "bytes" };
    case "t":
      return { outcome: "overflow", cap: answer === "tm" ? "messages" : "bytes" };
    case "u":
      return { outcome: "unknown_identifier" };
    case "n":
      return { outcome: "identifier_not_allowed" };
    default:
      throw new RecordError(`The script enqueueMessages answered for a message to ${identifier} in an unknown form.`);
  }
}
