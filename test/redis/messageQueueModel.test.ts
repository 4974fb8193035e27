import { MessageQueue, type MessageState, type SettleOutcome } from "@yonexus/protocol/redis";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { openStores, type Stores } from "../support/stores.ts";
import { contents, message, pass, settle } from "./messageQueueFixture.ts";

const LIMITS = { maxMessages: 4, maxBytes: 60 };
const RETENTION = { settledMs: 86_400_000, settledMessages: 4, deadLetters: 3, gaps: 3 };
const IDS = Array.from({ length: 8 }, (_, index) => `m-${index}`);

let server: RedisServer;
let stores: Stores;
let queue: MessageQueue;
beforeAll(async () => {
  server = await startRedis({ persistent: false });
  stores = await openStores(server.url);
  queue = new MessageQueue(stores.redis, stores.keys, RETENTION);
});
afterAll(async () => {
  stores.close();
  await server.stop();
});

interface Entry {
  readonly id: string;
  readonly seq: number;
  readonly bytes: number;
  readonly expired: boolean;
}

/** What the contract says of one follower's messages, in the fewest words. */
interface Model {
  epoch: number;
  seq: number;
  waiting: Entry[];
  /** Of every message that is remembered. */
  readonly known: Map<string, { readonly frame: string; readonly seq: number; state: MessageState; live: boolean }>;
  settled: string[];
  gaps: (readonly [number, number])[];
  deadLetters: { readonly id: string; readonly seq: number }[];
  counts: { expired: number; rejected: number; deadDropped: number };
}

type Step =
  | { readonly do: "enqueue"; readonly id: string; readonly frame: string; readonly ttlMs: number }
  | {
      readonly do: "settle";
      readonly id: string;
      readonly outcome: "acked" | "sent" | "written";
      readonly stale: boolean;
    }
  | { readonly do: "reject"; readonly id: string; readonly stale: boolean }
  | { readonly do: "live"; readonly id: string; readonly frame: string }
  | { readonly do: "read"; readonly afterSeq: number; readonly maxMessages: number }
  | { readonly do: "forgetGaps"; readonly upToSeq: number }
  | { readonly do: "tidy" | "claim" };

const id = fc.constantFrom(...IDS);
const frame = fc.constantFrom("r::a", "r::b\n ", `r::${"long ".repeat(6)}`);
const stale = fc.integer({ min: 0, max: 5 }).map((value) => value === 0);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("enqueue" as const),
      id,
      frame,
      ttlMs: fc.constantFrom(1, 3_600_000, 7_200_000),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("settle" as const),
      id,
      outcome: fc.constantFrom("acked" as const, "sent" as const, "written" as const),
      stale,
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("reject" as const), id, stale }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("live" as const), id, frame }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("read" as const),
      afterSeq: fc.nat(12),
      maxMessages: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("forgetGaps" as const), upToSeq: fc.nat(20) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom("tidy" as const, "claim" as const) }) },
);

const bytesOf = (model: Model) => model.waiting.reduce((sum, { bytes }) => sum + bytes, 0);

/** A message ended: the oldest that are too many are forgotten. */
function end(model: Model, messageId: string): void {
  model.settled.push(messageId);
  while (model.settled.length > RETENTION.settledMessages) model.known.delete(model.settled.shift() ?? "");
}

function bury(model: Model, messageId: string, seq: number): void {
  model.deadLetters.push({ id: messageId, seq });
  if (model.deadLetters.length <= RETENTION.deadLetters) return;
  model.deadLetters.shift();
  model.counts.deadDropped += 1;
}

function tidy(model: Model): number {
  const due = model.waiting.filter(({ expired }) => expired);
  model.waiting = model.waiting.filter(({ expired }) => !expired);
  model.counts.expired += due.length;
  const ranges: [number, number][] = [];
  for (const { id: messageId, seq } of due) {
    const known = model.known.get(messageId);
    if (known !== undefined) known.state = "expired";
    bury(model, messageId, seq);
    const last = ranges.at(-1);
    if (last?.[1] === seq - 1) last[1] = seq;
    else ranges.push([seq, seq]);
  }
  for (const { id: messageId } of due) end(model, messageId);
  for (let [from, to] of ranges) {
    from = model.gaps.find(([, before]) => before === from - 1)?.[0] ?? from;
    to = model.gaps.find(([after]) => after === to + 1)?.[1] ?? to;
    model.gaps = [...model.gaps.filter((gap) => gap[1] < from || gap[0] > to), [from, to] as const];
    model.gaps.sort((one, other) => one[1] - other[1]);
    const [first, second, ...rest] = model.gaps;
    if (model.gaps.length > RETENTION.gaps && first && second) model.gaps = [[first[0], second[1]], ...rest];
  }
  return due.length;
}

function judge(model: Model, messageId: string, isStale: boolean): SettleOutcome {
  const known = model.known.get(messageId);
  if (isStale) return "stale";
  if (known === undefined || known.live) return "unknown";
  return model.waiting.some((entry) => entry.id === messageId) ? "settled" : "already";
}

/** The follower had it all the same. */
function ackLate(model: Model, messageId: string, known: { readonly seq: number; state: MessageState }): void {
  known.state = "acked";
  model.counts.expired -= 1;
  model.deadLetters = model.deadLetters.filter((letter) => letter.id !== messageId || letter.seq !== known.seq);
  model.gaps = model.gaps.filter(([from, to]) => from !== known.seq || to !== known.seq);
}

function leave(model: Model, messageId: string, state: MessageState): void {
  const known = model.known.get(messageId);
  if (known !== undefined) known.state = state;
  model.waiting = model.waiting.filter((entry) => entry.id !== messageId);
  end(model, messageId);
}

/** Does one step on Redis and on the model, and compares the answers. */
async function take(identifier: string, model: Model, now: Step): Promise<void> {
  const epochOf = (isStale: boolean) => (isStale ? model.epoch - 1 : model.epoch);
  switch (now.do) {
    case "enqueue":
      return takeEnqueue(identifier, model, now);
    case "settle": {
      const expected = judge(model, now.id, now.stale);
      const changes = { identifier, outcome: now.outcome };
      expect(await settle(queue, epochOf(now.stale), now.id, changes)).toBe(expected);
      const known = model.known.get(now.id);
      if (expected === "already" && now.outcome === "acked" && known?.state === "expired")
        ackLate(model, now.id, known);
      if (expected !== "settled" || known === undefined) return;
      if (now.outcome === "written") known.state = "written";
      else leave(model, now.id, now.outcome === "acked" ? "acked" : "written");
      return;
    }
    case "reject": {
      const expected = judge(model, now.id, now.stale);
      const rejection = { identifier, nodeId: "node-a", messageId: now.id, writtenAgoMs: 0, isNewTry: true };
      expect(await queue.reject({ ...rejection, epoch: epochOf(now.stale), reason: "no" })).toBe(expected);
      if (expected !== "settled") return;
      const seq = model.known.get(now.id)?.seq ?? 0;
      leave(model, now.id, "rejected");
      bury(model, now.id, seq);
      model.counts.rejected += 1;
      return;
    }
    case "live": {
      const known = model.known.get(now.id);
      const { outcome } = await queue.recordLive({ identifier, messageId: now.id, isOwnId: true, frame: now.frame });
      if (known !== undefined) expect(outcome).toBe(known.frame === now.frame ? "duplicate" : "id_conflict");
      else {
        expect(outcome).toBe("recorded");
        end(model, now.id);
        model.known.set(now.id, { frame: now.frame, seq: 0, state: "accepted", live: true });
      }
      return;
    }
    case "read": {
      const found = await queue.read(identifier, now.afterSeq, now.maxMessages, 1_000);
      if (model.waiting.some(({ expired }) => expired)) tidy(model);
      const after = model.waiting.filter(({ seq }) => seq > now.afterSeq);
      expect(found.messages.map(({ seq, messageId }) => `${seq} ${messageId}`)).toEqual(
        after.slice(0, now.maxMessages).map((entry) => `${entry.seq} ${entry.id}`),
      );
      expect(found.more).toBe(after.length > now.maxMessages);
      expect(found.gaps.map(({ fromSeq, toSeq }) => [fromSeq, toSeq])).toEqual(model.gaps);
      return;
    }
    case "forgetGaps":
      await queue.forgetGaps(identifier, model.epoch - 1, now.upToSeq);
      expect((await contents(stores, identifier)).gaps).toHaveLength(model.gaps.length);
      await queue.forgetGaps(identifier, model.epoch, now.upToSeq);
      model.gaps = model.gaps.filter(([, to]) => to > now.upToSeq);
      return;
    case "tidy":
      expect((await queue.tidy(identifier)).expired).toBe(tidy(model));
      return;
    case "claim":
      model.epoch += 1;
      await stores.redis.hset(stores.keys.follower(identifier).session, "epoch", model.epoch);
  }
}

async function takeEnqueue(identifier: string, model: Model, now: Step & { do: "enqueue" }): Promise<void> {
  const { ttlMs } = now;
  const outcome = await queue.enqueue(message(now.id, { identifier, frame: now.frame, ttlMs }), LIMITS);
  const known = model.known.get(now.id);
  if (known !== undefined) {
    expect(outcome.outcome).toBe(known.frame === now.frame ? "duplicate" : "id_conflict");
    if ("record" in outcome) expect(outcome.record.state).toBe(known.state);
    return;
  }
  const bytes = Buffer.byteLength(now.frame);
  const full = () => {
    if (model.waiting.length >= LIMITS.maxMessages) return "messages";
    return bytesOf(model) + bytes > LIMITS.maxBytes ? "bytes" : undefined;
  };
  if (full() !== undefined && model.waiting.some(({ expired }) => expired)) tidy(model);
  const cap = full();
  if (cap !== undefined) {
    expect(outcome).toEqual({ outcome: "overflow", cap });
    return;
  }
  model.seq += 1;
  expect(outcome).toEqual({ outcome: "queued", seq: model.seq });
  model.waiting.push({ id: now.id, seq: model.seq, bytes, expired: ttlMs === 1 });
  model.known.set(now.id, { frame: now.frame, seq: model.seq, state: "queued", live: false });
  if (ttlMs === 1) await pass(stores);
}

async function compare(identifier: string, model: Model): Promise<void> {
  const found = await contents(stores, identifier);
  expect(found.queue).toEqual(model.waiting.map((entry) => entry.id));
  expect(found.settled).toEqual(model.settled);
  expect(found.gaps).toEqual(model.gaps.map(([from, to]) => `${from} ${to} expired`));
  expect(found.deadLetters.map((letter) => letter.split(" ", 1)[0])).toEqual(
    model.deadLetters.map((letter) => letter.id),
  );
  const { seq = 0, waiting = 0, bytes = 0, expired = 0, rejected = 0, deadDropped = 0 } = found.counts;
  expect({ seq, waiting, bytes, expired, rejected, deadDropped }).toEqual({
    ...{ seq: model.seq, waiting: model.waiting.length, bytes: bytesOf(model) },
    ...model.counts,
  });
  const seqs = model.waiting.map((entry) => String(entry.seq));
  for (const early of found.early) expect(seqs).toContain(early);
  const records = await Promise.all(IDS.map((messageId) => queue.record(messageId, identifier)));
  expect(records.map((record) => record?.state)).toEqual(IDS.map((messageId) => model.known.get(messageId)?.state));
}

it("one follower's queue goes as the contract says, whatever happens in whatever order, and ends empty", async () => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
      const identifier = `follower${run++}`;
      await stores.trust.allow([identifier]);
      const model: Model = {
        ...{ epoch: 7, seq: 0, waiting: [], known: new Map(), settled: [], gaps: [], deadLetters: [] },
        counts: { expired: 0, rejected: 0, deadDropped: 0 },
      };
      const session = { epoch: model.epoch, nodeId: "node-a", connectionId: "c", status: "online" };
      await stores.redis.hset(stores.keys.follower(identifier).session, session);
      for (const now of steps) {
        await take(identifier, model, now);
        await compare(identifier, model);
      }
      for (const entry of model.waiting)
        await take(identifier, model, { do: "settle", id: entry.id, outcome: "acked", stale: false });
      await compare(identifier, model);
      // Where nothing was ever queued, nothing is counted.
      const { waiting = 0, bytes = 0 } = (await contents(stores, identifier)).counts;
      expect({ waiting, bytes }).toEqual({ waiting: 0, bytes: 0 });
    }),
    { numRuns: 40 },
  );
}, 120_000);
