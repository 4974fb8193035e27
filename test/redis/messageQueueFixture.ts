import {
  type Enqueue,
  type EnqueueOutcome,
  type MessageQueue,
  QUEUE_LIMITS,
  type Settlement,
  type SettleOutcome,
} from "@yonexus/protocol/redis";
import type { Stores } from "../support/stores.ts";
import { waitFor } from "../support/waitFor.ts";

/** A message of a sender's own, for a day, for which nobody waits. */
export function message(messageId: string, changes: Partial<Enqueue> = {}): Enqueue {
  const base = { identifier: "alice", messageId, isOwnId: true, frame: "rule::content", ttlMs: 86_400_000 };
  return { ...base, senderId: "", ...changes };
}

/** Queues a message that there must be room for. Answers its seq. */
export async function enqueue(queue: MessageQueue, messageId: string, changes: Partial<Enqueue> = {}): Promise<number> {
  const outcome: EnqueueOutcome = await queue.enqueue(message(messageId, changes), QUEUE_LIMITS);
  if (outcome.outcome !== "queued") throw new Error(`${messageId} was not queued: ${outcome.outcome}`);
  return outcome.seq;
}

export function settle(
  queue: MessageQueue,
  epoch: number,
  messageId: string,
  changes: Partial<Settlement> = {},
): Promise<SettleOutcome> {
  return queue.settle({
    identifier: "alice",
    epoch,
    nodeId: "node-a",
    messageId,
    outcome: "acked",
    writtenAgoMs: 0,
    isNewTry: true,
    ...changes,
  });
}

/** Queues messages whose time is over when this returns; nobody tidied them yet. */
export async function enqueueExpired(
  stores: Stores,
  queue: MessageQueue,
  messageIds: readonly string[],
  changes: Partial<Enqueue> = {},
): Promise<void> {
  for (const messageId of messageIds) await enqueue(queue, messageId, { ...changes, ttlMs: 1 });
  await pass(stores);
}

/** Waits until what was queued for a millisecond expired. */
export async function pass(stores: Stores): Promise<void> {
  const until = (await stores.now()) + 2;
  await waitFor("a millisecond to pass", async () => (await stores.now()) >= until);
}

/** What the scripts keep of a follower's queue. */
export interface QueueContents {
  /** `<seq>-0` → message id, in order. */
  readonly queue: readonly string[];
  readonly early: readonly string[];
  readonly settled: readonly string[];
  readonly gaps: readonly string[];
  /** `<id> <reason> <tries>` of each. */
  readonly deadLetters: readonly string[];
  readonly counts: Readonly<Record<string, number>>;
}

export async function contents(stores: Stores, identifier = "alice"): Promise<QueueContents> {
  const own = stores.keys.follower(identifier);
  const fieldsOf = (entries: [string, string[]][], ...names: string[]) =>
    entries.map(([, fields]) => names.map((name) => fields[fields.indexOf(name) + 1] ?? "").join(" "));
  const counts = Object.entries(await stores.redis.hgetall(own.messages)).filter(([field]) => field.startsWith("#"));
  return {
    queue: fieldsOf(await stores.redis.xrange(own.queue, "-", "+"), "id"),
    early: await stores.redis.zrange(own.queueDue, "0", "-1"),
    settled: await stores.redis.lrange(own.settled, 0, -1),
    gaps: await stores.redis.zrange(own.gaps, "0", "-1"),
    deadLetters: fieldsOf(await stores.redis.xrange(own.deadLetters, "-", "+"), "id", "reason", "tries"),
    counts: Object.fromEntries(counts.map(([field, value]) => [field.slice(1), Number(value)])),
  };
}
