import { MessageQueue, QUEUE_LIMITS, QUEUE_RETENTION, type Settlement } from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { claimEpoch, openStores, pairFollower, type Stores } from "../support/stores.ts";
import { waitFor } from "../support/waitFor.ts";
import { contents, enqueue, message, settle } from "./messageQueueFixture.ts";

let server: RedisServer;
let stores: Stores;
let version: string;
let epoch: number;
let queue: MessageQueue;
beforeAll(async () => {
  server = await startRedis({ persistent: false });
});
afterAll(() => server.stop());
beforeEach(async () => {
  stores = await openStores(server.url);
  version = await pairFollower(stores, "alice");
  epoch = await claimEpoch(stores, "alice", version);
  queue = new MessageQueue(stores.redis, stores.keys);
});
afterEach(() => stores.close());

const reject = (messageId: string, changes: Partial<Settlement> = {}) =>
  queue.reject({
    ...{ identifier: "alice", epoch, nodeId: "node-a", messageId, writtenAgoMs: 0, isNewTry: true },
    ...changes,
    reason: "cannot read\nthis",
  });

describe("settling a message", () => {
  it("that the follower acked takes it out of the queue and leaves its record", async () => {
    for (const id of ["a", "b", "c"]) await enqueue(queue, id);
    expect(await settle(queue, epoch, "b", { writtenAgoMs: 0.4 })).toBe("settled");
    expect(await contents(stores)).toMatchObject({
      queue: ["a", "c"],
      settled: ["b"],
      counts: { seq: 3, waiting: 2, bytes: 26 },
    });
    const record = await queue.record("b");
    expect(record).toMatchObject({ state: "acked", tries: 1, node: "node-a" });
    expect(record?.writtenAt).toBe(record?.settledAt);
  });

  it("that the socket of a follower without acks took ends it as written", async () => {
    await enqueue(queue, "a");
    expect(await settle(queue, epoch, "a", { outcome: "sent" })).toBe("settled");
    expect(await queue.record("a")).toMatchObject({ state: "written", settledAt: expect.any(Number) });
    expect((await contents(stores)).queue).toEqual([]);
  });

  it("that is on its way keeps it in the queue, and counts each try once", async () => {
    await enqueue(queue, "a");
    expect(await settle(queue, epoch, "a", { outcome: "written" })).toBe("settled");
    const first = await queue.record("a");
    expect(first).toMatchObject({ state: "written", tries: 1 });
    expect(first?.settledAt).toBeUndefined();
    const again = await claimEpoch(stores, "alice", version, { nodeId: "node-b" });
    await settle(queue, again, "a", { outcome: "written", nodeId: "node-b" });
    await settle(queue, again, "a", { isNewTry: false, nodeId: "node-b" });
    expect(await queue.record("a")).toMatchObject({ state: "acked", tries: 2, node: "node-b" });
  });

  it("says when the socket took it, by the clock of Redis, and never before the message was queued", async () => {
    await enqueue(queue, "a");
    await settle(queue, epoch, "a", { outcome: "written", writtenAgoMs: 3_600_000 });
    const record = await queue.record("a");
    expect(record?.writtenAt).toBe(record?.acceptedAt);
  });

  it("that ended already changes nothing, and one that nobody queued is unknown", async () => {
    await enqueue(queue, "a");
    await settle(queue, epoch, "a");
    const before = [await queue.record("a"), await contents(stores)];
    for (const outcome of ["acked", "sent", "written"] as const) {
      expect(await settle(queue, epoch, "a", { outcome })).toBe("already");
      expect(await settle(queue, epoch, "nothing", { outcome })).toBe("unknown");
    }
    expect(await reject("a")).toBe("already");
    expect(await reject("nothing")).toBe("unknown");
    expect([await queue.record("a"), await contents(stores)]).toEqual(before);
  });

  it("counts a field of the queue's own for no message", async () => {
    await enqueue(queue, "a");
    expect(await settle(queue, epoch, "#seq")).toBe("unknown");
    expect((await contents(stores)).counts).toMatchObject({ seq: 1, waiting: 1 });
  });

  it("of another epoch is stale and trims nothing", async () => {
    await enqueue(queue, "a");
    const newer = await claimEpoch(stores, "alice", version);
    const before = [await queue.record("a"), await contents(stores)];
    for (const stale of [epoch, newer + 1, 0]) {
      for (const outcome of ["acked", "sent", "written"] as const) {
        expect(await settle(queue, stale, "a", { outcome })).toBe("stale");
      }
      expect(await reject("a", { epoch: stale })).toBe("stale");
    }
    expect([await queue.record("a"), await contents(stores)]).toEqual(before);
    expect(await settle(queue, newer, "a")).toBe("settled");
  });

  it("is still the owner's when its session was given up for a node that stalled", async () => {
    await enqueue(queue, "a");
    await stores.sessions.endOfDeadNode("alice", "node-a");
    expect(await settle(queue, epoch, "a")).toBe("settled");
  });

  it("of a follower without a session is stale", async () => {
    await stores.trust.allow(["bob"]);
    await enqueue(queue, "b", { identifier: "bob" });
    expect(await settle(queue, epoch, "b", { identifier: "bob" })).toBe("stale");
  });

  it("all in one call is answered one by one, also of one message twice", async () => {
    for (const id of ["a", "b", "c"]) await enqueue(queue, id);
    const outcomes = await Promise.all([
      settle(queue, epoch, "a", { outcome: "written" }),
      settle(queue, epoch, "a", { isNewTry: false }),
      settle(queue, epoch, "a"),
      settle(queue, epoch - 1, "b"),
      settle(queue, epoch, "c"),
      settle(queue, epoch, "d"),
    ]);
    expect(outcomes).toEqual(["settled", "settled", "already", "stale", "settled", "unknown"]);
    expect(await queue.record("a")).toMatchObject({ state: "acked", tries: 1 });
    expect(await contents(stores)).toMatchObject({ queue: ["b"], counts: { waiting: 1, bytes: 13 } });
  });

  it("by two nodes at once ends it once", async () => {
    const other = new MessageQueue(await stores.open("commands"), stores.keys);
    for (let round = 0; round < 20; round++) {
      await enqueue(queue, `m-${round}`);
      const outcomes = await Promise.all([settle(queue, epoch, `m-${round}`), settle(other, epoch, `m-${round}`)]);
      expect(outcomes.toSorted()).toEqual(["already", "settled"]);
    }
    expect((await contents(stores)).counts).toMatchObject({ waiting: 0, bytes: 0 });
  });
});

describe("what is kept of messages that ended", () => {
  it("is the records of the last ones, and a tenth more at most; then their ids are free again", async () => {
    const few = new MessageQueue(stores.redis, stores.keys, { ...QUEUE_RETENTION, settledMessages: 20 });
    for (let index = 0; index < 60; index++) {
      await enqueue(few, `m-${index}`);
      await settle(few, epoch, `m-${index}`);
      const { settled } = await contents(stores);
      expect(settled.length).toBeLessThanOrEqual(22);
      expect(settled.length).toBeGreaterThanOrEqual(Math.min(index + 1, 20));
      expect(settled.at(-1)).toBe(`m-${index}`);
    }
    const { settled } = await contents(stores);
    const fields = await stores.redis.hkeys(stores.keys.follower("alice").messages);
    expect(fields.filter((field) => !field.startsWith("#")).toSorted()).toEqual(settled.toSorted());
    expect(await few.record("m-0")).toBeUndefined();
    expect(await settle(few, epoch, "m-0")).toBe("unknown");
    expect(await few.enqueue(message("m-0"), QUEUE_LIMITS)).toEqual({ outcome: "queued", seq: 61 });
  });

  it("goes when it is too old, oldest first", async () => {
    const brief = new MessageQueue(stores.redis, stores.keys, { ...QUEUE_RETENTION, settledMs: 1 });
    for (const id of ["a", "b", "waits"]) await enqueue(queue, id);
    for (const id of ["a", "b"]) await settle(queue, epoch, id);
    expect(await queue.tidy("alice")).toMatchObject({ forgotten: 0, more: false });
    await waitFor("the records to be old", async () => (await brief.tidy("alice")).forgotten > 0);
    expect(await contents(stores)).toMatchObject({ queue: ["waits"], settled: [] });
    expect(await brief.record("a", "alice")).toBeUndefined();
    expect(await brief.record("waits", "alice")).toMatchObject({ state: "queued" });
  });
});

describe("a message that the follower refuses", () => {
  it("is a dead letter with the reason, counted and listed, and who waits for it is told", async () => {
    const told = await stores.record(stores.keys.replyChannel("sender"));
    await enqueue(queue, "a", { senderId: "sender", frame: "r::x\ny" });
    await enqueue(queue, "b");
    expect(await reject("a")).toBe("settled");
    expect(await queue.record("a")).toMatchObject({ state: "rejected", reason: "cannot read\nthis", tries: 1 });
    const [entry] = await stores.redis.xrange(stores.keys.follower("alice").deadLetters, "-", "+");
    expect(entry?.[1]).toEqual([
      ...["id", "a", "frame", "r::x\ny", "seq", "1", "reason", "rejected", "detail", "cannot read\nthis"],
      ...["queuedAt", String((await queue.record("a"))?.acceptedAt), "tries", "1", "node", "node-a"],
    ]);
    expect(await contents(stores)).toMatchObject({
      queue: ["b"],
      gaps: [],
      settled: ["a"],
      counts: { rejected: 1, waiting: 1, bytes: 13 },
    });
    expect(await stores.redis.smembers(stores.keys.deadLetterPlaces)).toEqual(["follower alice"]);
    await waitFor("the receipt", () => told.length > 0);
    expect(told).toEqual(["r a"]);
  });

  it("pushes out the oldest dead letter when there are too many, and that is counted", async () => {
    const few = new MessageQueue(stores.redis, stores.keys, { ...QUEUE_RETENTION, deadLetters: 2 });
    for (const id of ["a", "b", "c"]) {
      await enqueue(queue, id);
      const base = { identifier: "alice", epoch, nodeId: "node-a", messageId: id, writtenAgoMs: 0, isNewTry: true };
      await few.reject({ ...base, reason: "" });
    }
    expect(await contents(stores)).toMatchObject({
      deadLetters: ["b rejected 1", "c rejected 1"],
      counts: { deadDropped: 1, rejected: 3, waiting: 0, bytes: 0 },
    });
  });
});
