import { isCluster, type RedisConnection } from "./connection.ts";
import { RecordError } from "./errors.ts";
import type { Keys } from "./keys.ts";
import { messageDigest } from "./messageDigest.ts";
import { type MessageRecord, parseMessageRecord } from "./messageRecord.ts";
import type { QueueIndex } from "./queueIndex.ts";
import type { QueueLimits, QueueRetention } from "./queueLimits.ts";
import { type BatchGroup, ScriptBatch } from "./scriptBatch.ts";
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
  readonly #retention: QueueRetention;
  readonly #tidy: (identifier: string) => Promise<unknown>;
  readonly #batch: ScriptBatch<Item, EnqueueOutcome>;

  /** @param tidy makes room: what expired leaves the queue. */
  constructor(
    redis: RedisConnection,
    keys: Keys,
    index: QueueIndex,
    retention: QueueRetention,
    tidy: (identifier: string) => Promise<unknown>,
  ) {
    this.#redis = redis;
    this.#keys = keys;
    this.#index = index;
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

  #run(groups: readonly BatchGroup<Item>[]): Promise<EnqueueOutcome[]>[] {
    const answers = this.#index.orForget(this.#call(groups));
    let place = 0;
    return groups.map(async (group) => {
      const from = place;
      place += group.items.length;
      return this.#outcomes(group, (await answers).slice(from, from + group.items.length));
    });
  }

  /** The script's answers, one an item. */
  async #call(groups: readonly BatchGroup<Item>[]): Promise<string[]> {
    const before = this.#indexes(groups);
    if (before.length > 0) await Promise.all(before);
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
    return reply.texts(2);
  }

  /** The indexes come first: stopped in between, they name what is not there, which is harmless. */
  #indexes(groups: readonly BatchGroup<Item>[]): Promise<unknown>[] {
    const writes: Promise<unknown>[] = [];
    const uncovered = new Map<string, number>();
    const { settledMs } = this.#retention;
    for (const { identifier, items } of groups) {
      let soonest = settledMs;
      for (const { messageId, isOwnId, ttlMs } of items) {
        soonest = Math.min(soonest, ttlMs);
        if (isOwnId) {
          writes.push(this.#redis.set(this.#keys.messageIndex(messageId), identifier, "PX", ttlMs + settledMs));
        }
      }
      if (!this.#index.covers(identifier, soonest)) uncovered.set(identifier, soonest);
    }
    if (uncovered.size > 0) writes.push(this.#index.note(uncovered));
    return writes;
  }

  async #outcomes(group: BatchGroup<Item>, answers: readonly string[], tidyings = 0): Promise<EnqueueOutcome[]> {
    const outcomes: EnqueueOutcome[] = [];
    for (const [place, answer] of answers.entries()) {
      if (answer.startsWith("t") && tidyings < MAX_TIDYINGS) {
        // It and all that come after it were not stored, so that they keep their order.
        await this.#tidy(group.identifier);
        const rest = { identifier: group.identifier, items: group.items.slice(place) };
        return [...outcomes, ...(await this.#outcomes(rest, await this.#call([rest]), tidyings + 1))];
      }
      outcomes.push(readOutcome(answer, group.identifier, group.items[place]?.messageId ?? ""));
    }
    return outcomes;
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
