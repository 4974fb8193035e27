import { createHash } from "node:crypto";
import type { RedisConnection } from "./connection.ts";
import type { Keys } from "./keys.ts";
import type { MessageQueue } from "./messageQueue.ts";
import type { QueueLimits } from "./queueLimits.ts";
import { runScript } from "./scripts.ts";

/** Where dead letters lie: what handlers of a rule could not handle, or what a follower never got. */
export type DeadLetterPlace =
  | { readonly kind: "rule"; readonly rule: string }
  | { readonly kind: "follower"; readonly identifier: string };

/** A message that nobody will try again by itself. */
export interface DeadLetter {
  /** Names it within its place. */
  readonly id: string;
  /** When it became one; Redis time (ms). */
  readonly at: number;
  readonly rule: string;
  readonly content: string;
  /** The follower that sent it, or was to get it. */
  readonly identifier: string;
  readonly messageId?: string;
  readonly tries: number;
  readonly reason: string;
}

export interface DeadLetterCount {
  readonly place: DeadLetterPlace;
  readonly count: number;
}

export interface RetriedLetters {
  readonly retried: number;
  /** Gone already. */
  readonly missing: number;
  /** They stay: the inbox or queue has no room, or the follower is not allowed any more. */
  readonly refused: number;
}

/** Letters that one script call takes at most. */
const SLICE = 100;
const DAY_MS = 86_400_000;

/** Dead letters: what they are, and what an operator decides about them. */
export class DeadLetters {
  readonly #redis: RedisConnection;
  readonly #keys: Keys;

  constructor(redis: RedisConnection, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** The places that have any, in order. One that the index names and that is empty is taken out of it. */
  async places(): Promise<DeadLetterCount[]> {
    const found: DeadLetterCount[] = [];
    for (const member of (await this.#redis.smembers(this.#keys.deadLetterPlaces)).sort()) {
      const place = parsePlace(member);
      if (place === undefined) continue;
      const count = await this.#redis.xlen(this.#stream(place));
      if (count > 0) found.push({ place, count });
      else await this.#forget(place, member);
    }
    return found;
  }

  /** The oldest letters of a place. @param after the id of the last one seen. */
  async list(place: DeadLetterPlace, limit: number, after?: string): Promise<DeadLetter[]> {
    const from = after === undefined ? "-" : `(${after}`;
    const entries = await this.#redis.xrange(this.#stream(place), from, "+", "COUNT", limit);
    return entries.map(([id, fields]) => readLetter(place, id, fields));
  }

  /** Every letter of a place, a page at a time. */
  async *all(place: DeadLetterPlace): AsyncGenerator<DeadLetter> {
    let after: string | undefined;
    for (;;) {
      const page = await this.list(place, SLICE, after);
      yield* page;
      after = page.at(-1)?.id;
      if (after === undefined || page.length < SLICE) return;
    }
  }

  /** Throws letters away. @returns how many were there. */
  async drop(place: DeadLetterPlace, ids: readonly string[]): Promise<number> {
    let dropped = 0;
    for (let start = 0; start < ids.length; start += SLICE) {
      dropped += await this.#redis.xdel(this.#stream(place), ...ids.slice(start, start + SLICE));
    }
    return dropped;
  }

  /** Puts letters of a rule back into its inbox, in the order given. @param maxBacklog messages that may wait there. */
  async retryForRule(rule: string, ids: readonly string[], maxBacklog: number): Promise<RetriedLetters> {
    const own = this.#keys.rule(rule);
    const sum = { retried: 0, missing: 0, refused: 0 };
    for (let start = 0; start < ids.length; start += SLICE) {
      const args = [maxBacklog, ...ids.slice(start, start + SLICE)];
      const reply = await runScript(this.#redis, "retryInbound", [own.inbox, own.deadLetters], args);
      reply.outcome("retried");
      sum.retried += reply.number(1);
      sum.missing += reply.number(2);
      sum.refused += reply.number(3);
    }
    return sum;
  }

  /**
   * Queues letters of a follower anew, for a day, in the order given. Each under an id of its own that follows from the
   * letter, so that a retry that stopped in between and is run again queues nothing twice.
   */
  async retryForFollower(
    identifier: string,
    ids: readonly string[],
    queue: Pick<MessageQueue, "enqueue">,
    limits: QueueLimits,
  ): Promise<RetriedLetters> {
    const stream = this.#keys.follower(identifier).deadLetters;
    const sum = { retried: 0, missing: 0, refused: 0 };
    for (const id of ids) {
      const [entry] = await this.#redis.xrange(stream, id, id);
      if (entry === undefined) {
        sum.missing += 1;
        continue;
      }
      const frame = new Map(pairs(entry[1])).get("frame") ?? "";
      const messageId = `dl_${createHash("sha256").update(`${identifier}\n${id}\n${frame}`).digest("base64url").slice(0, 22)}`;
      const { outcome } = await queue.enqueue(
        { identifier, messageId, isOwnId: true, frame, ttlMs: DAY_MS, senderId: "" },
        limits,
      );
      if (outcome === "queued" || outcome === "duplicate") {
        await this.#redis.xdel(stream, id);
        sum.retried += 1;
      } else sum.refused += 1;
    }
    return sum;
  }

  #stream(place: DeadLetterPlace): string {
    return place.kind === "rule"
      ? this.#keys.rule(place.rule).deadLetters
      : this.#keys.follower(place.identifier).deadLetters;
  }

  /** The entry goes first: a letter that comes meanwhile puts it back, or is found by the second look. */
  async #forget(place: DeadLetterPlace, member: string): Promise<void> {
    await this.#redis.srem(this.#keys.deadLetterPlaces, member);
    if ((await this.#redis.xlen(this.#stream(place))) > 0) await this.#redis.sadd(this.#keys.deadLetterPlaces, member);
  }
}

function parsePlace(member: string): DeadLetterPlace | undefined {
  if (member.startsWith("rule ")) return { kind: "rule", rule: member.slice(5) };
  if (member.startsWith("follower ")) return { kind: "follower", identifier: member.slice(9) };
  return undefined;
}

function readLetter(place: DeadLetterPlace, id: string, fields: readonly string[]): DeadLetter {
  const values = new Map(pairs(fields));
  const frame = values.get("frame") ?? "";
  const end = frame.indexOf("::");
  const messageId = values.get(place.kind === "rule" ? "messageId" : "id");
  return {
    id,
    at: Number(id.split("-")[0]),
    rule: place.kind === "rule" ? place.rule : frame.slice(0, Math.max(0, end)),
    content: place.kind === "rule" ? (values.get("content") ?? "") : frame.slice(end + 2),
    identifier: place.kind === "rule" ? (values.get("from") ?? "") : place.identifier,
    ...(messageId === undefined || messageId === "" ? {} : { messageId }),
    tries: Number(values.get("tries") ?? 0),
    reason: values.get("reason") ?? "",
  };
}

function* pairs(fields: readonly string[]): Generator<[string, string]> {
  for (let index = 0; index + 1 < fields.length; index += 2) yield [fields[index] ?? "", fields[index + 1] ?? ""];
}
