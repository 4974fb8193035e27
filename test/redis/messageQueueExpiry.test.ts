import { MessageQueue, parseNodeCommand, QUEUE_LIMITS, QUEUE_RETENTION } from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { claimEpoch, openStores, pairFollower, type Stores } from "../support/stores.ts";
import { waitFor } from "../support/waitFor.ts";
import { contents, enqueue, enqueueExpired, message, pass, settle } from "./messageQueueFixture.ts";

let server: RedisServer;
let stores: Stores;
let version: string;
let queue: MessageQueue;
beforeAll(async () => {
  server = await startRedis({ persistent: false });
});
afterAll(() => server.stop());
beforeEach(async () => {
  stores = await openStores(server.url);
  version = await pairFollower(stores, "alice");
  queue = new MessageQueue(stores.redis, stores.keys);
});
afterEach(() => stores.close());

const read = (afterSeq = 0, maxMessages = 100, maxBytes = 100_000) =>
  queue.read("alice", afterSeq, maxMessages, maxBytes);
const idsAfter = async (...args: Parameters<typeof read>) =>
  (await read(...args)).messages.map(({ messageId }) => messageId);

describe("a message whose time is over", () => {
  it("becomes a dead letter and a gap, and who waits for it and the follower's node are told", async () => {
    const epoch = await claimEpoch(stores, "alice", version, { nodeId: "node-a" });
    const receipts = await stores.record(stores.keys.replyChannel("sender"));
    await enqueueExpired(stores, queue, ["a", "b"], { senderId: "sender", frame: "r::x\ny" });
    const told = await stores.record(stores.keys.nodeChannel("node-a"));
    expect(await queue.tidy("alice")).toMatchObject({ expired: 2, more: false });
    expect(await contents(stores)).toEqual({
      queue: [],
      early: [],
      settled: ["a", "b"],
      gaps: ["1 2 expired"],
      deadLetters: ["a expired 0", "b expired 0"],
      counts: { seq: 2, waiting: 0, bytes: 0, expired: 2, lastDue: expect.any(Number) },
    });
    const record = await queue.record("a");
    expect(record).toMatchObject({ state: "expired", settledAt: expect.any(Number) });
    expect(record?.settledAt).toBeGreaterThanOrEqual(record?.expiresAt ?? Number.POSITIVE_INFINITY);
    const [letter] = await stores.redis.xrange(stores.keys.follower("alice").deadLetters, "-", "+");
    expect(letter?.[1]).toEqual([
      ...["id", "a", "frame", "r::x\ny", "seq", "1", "reason", "expired", "detail", ""],
      ...["queuedAt", String(record?.acceptedAt), "tries", "0", "node", "-"],
    ]);
    expect(await stores.redis.smembers(stores.keys.deadLetterPlaces)).toEqual(["follower alice"]);
    await waitFor("them to be told", () => receipts.length === 2 && told.length === 1);
    expect(receipts).toEqual(["e a", "e b"]);
    expect(told.map(parseNodeCommand)).toEqual([{ kind: "gaps", identifier: "alice", epoch }]);
  });

  it("and that the follower had already is acked by a late ack: no dead letter, no gap, nothing counted", async () => {
    const epoch = await claimEpoch(stores, "alice", version);
    await enqueueExpired(stores, queue, ["a"]);
    await settle(queue, epoch, "a", { outcome: "written" });
    await queue.tidy("alice");
    const before = await contents(stores);
    expect(before).toMatchObject({ deadLetters: ["a expired 1"], gaps: ["1 1 expired"] });
    for (const outcome of ["sent", "written"] as const) {
      expect(await settle(queue, epoch, "a", { outcome })).toBe("already");
    }
    expect(await settle(queue, epoch - 1, "a")).toBe("stale");
    expect(await contents(stores)).toEqual(before);
    expect(await settle(queue, epoch, "a")).toBe("already");
    expect(await contents(stores)).toMatchObject({ deadLetters: [], gaps: [], counts: { expired: 0 } });
    expect(await queue.record("a")).toMatchObject({ state: "acked", tries: 1 });
    expect(await settle(queue, epoch, "a")).toBe("already");
  });

  it("that was acked before it was tidied counts as acked", async () => {
    const epoch = await claimEpoch(stores, "alice", version);
    await enqueueExpired(stores, queue, ["a"]);
    expect(await settle(queue, epoch, "a")).toBe("settled");
    expect(await queue.tidy("alice")).toMatchObject({ expired: 0 });
    expect(await contents(stores)).toMatchObject({ gaps: [], deadLetters: [] });
  });

  it("goes out of the middle of the queue, whatever time those around it have", async () => {
    const epoch = await claimEpoch(stores, "alice", version);
    await enqueue(queue, "long-1");
    await enqueueExpired(stores, queue, ["short-2", "short-3"]);
    await enqueue(queue, "longer-4", { ttlMs: 31_536_000_000 });
    await enqueue(queue, "long-5");
    await enqueueExpired(stores, queue, ["short-6"]);
    expect((await contents(stores)).early).toHaveLength(4);
    expect(await queue.tidy("alice")).toMatchObject({ expired: 3 });
    expect(await contents(stores)).toMatchObject({
      queue: ["long-1", "longer-4", "long-5"],
      early: ["5"],
      gaps: ["2 3 expired", "6 6 expired"],
      counts: { waiting: 3, bytes: 39, expired: 3 },
    });
    for (const id of ["long-1", "longer-4", "long-5"]) await settle(queue, epoch, id);
    expect(await contents(stores)).toMatchObject({ queue: [], early: [], counts: { waiting: 0, bytes: 0 } });
  });

  it("is buried in the order of the queue, whichever expired first", async () => {
    await enqueue(queue, "long");
    for (const [id, ttlMs] of Object.entries({ a: 20, b: 10, c: 1 })) await enqueue(queue, id, { ttlMs });
    const last = (await queue.record("a"))?.expiresAt ?? 0;
    await waitFor("all of them to expire", async () => (await stores.now()) > last);
    expect(await queue.tidy("alice")).toMatchObject({ expired: 3 });
    expect(await contents(stores)).toMatchObject({
      gaps: ["2 4 expired"],
      deadLetters: ["a expired 0", "b expired 0", "c expired 0"],
    });
  });

  it("comes due by itself: the time to look again is the next that expires, or the oldest record's", async () => {
    const epoch = await claimEpoch(stores, "alice", version);
    expect((await queue.tidy("alice")).nextDueAt).toBeUndefined();
    await enqueue(queue, "long");
    await enqueue(queue, "shorter", { ttlMs: 3_600_000 });
    expect((await queue.tidy("alice")).nextDueAt).toBe((await queue.record("shorter"))?.expiresAt);
    await settle(queue, epoch, "shorter");
    expect((await queue.tidy("alice")).nextDueAt).toBe((await queue.record("long"))?.expiresAt);
    await settle(queue, epoch, "long");
    const settledAt = (await queue.record("shorter"))?.settledAt ?? 0;
    expect((await queue.tidy("alice")).nextDueAt).toBe(settledAt + QUEUE_RETENTION.settledMs);
  });

  it("is tidied in bounded calls", async () => {
    const ids = Array.from({ length: 250 }, (_, index) => `m-${index}`);
    await Promise.all(ids.map((id) => queue.enqueue(message(id, { ttlMs: 1 }), QUEUE_LIMITS)));
    await pass(stores);
    const calls = [await queue.tidy("alice"), await queue.tidy("alice"), await queue.tidy("alice")];
    expect(calls.map(({ expired, more }) => [expired, more])).toEqual([
      [100, true],
      [100, true],
      [50, false],
    ]);
    expect(await contents(stores)).toMatchObject({
      queue: [],
      gaps: ["1 250 expired"],
      counts: { expired: 250, bytes: 0, waiting: 0, deadDropped: 150 },
    });
    expect((await contents(stores)).deadLetters).toHaveLength(100);
  });
});

describe("gaps", () => {
  it("of neighbours are one, on both sides, also when they expire one after the other", async () => {
    await enqueueExpired(stores, queue, ["m-1"]);
    await queue.tidy("alice");
    await enqueue(queue, "m-2", { ttlMs: 4_000 });
    await enqueueExpired(stores, queue, ["m-3"]);
    await queue.tidy("alice");
    expect((await contents(stores)).gaps).toEqual(["1 1 expired", "3 3 expired"]);
    await waitFor("the one between to expire", async () => (await queue.tidy("alice")).expired === 1);
    expect((await contents(stores)).gaps).toEqual(["1 3 expired"]);
  });

  it("stand until the follower was told, and are forgotten up to where it was", async () => {
    await enqueueExpired(stores, queue, ["m-1"]);
    await enqueue(queue, "m-2");
    await enqueueExpired(stores, queue, ["m-3"]);
    await enqueue(queue, "m-4");
    const gaps = [
      { fromSeq: 1, toSeq: 1, reason: "expired" },
      { fromSeq: 3, toSeq: 3, reason: "expired" },
    ];
    expect((await read()).gaps).toEqual(gaps);
    expect((await read(4)).gaps).toEqual(gaps);
    const epoch = await claimEpoch(stores, "alice", version);
    await queue.forgetGaps("alice", epoch - 1, 3);
    expect((await read()).gaps).toEqual(gaps);
    await queue.forgetGaps("alice", epoch, 2);
    expect((await read()).gaps).toEqual(gaps.slice(1));
    await queue.forgetGaps("alice", epoch, 3);
    expect((await read()).gaps).toEqual([]);
  });

  it("never are more than the bound: the two oldest become one", async () => {
    const few = new MessageQueue(stores.redis, stores.keys, { ...QUEUE_RETENTION, gaps: 2 });
    for (let round = 0; round < 4; round++) {
      await enqueueExpired(stores, few, [`late-${round}`]);
      await enqueue(few, `stays-${round}`);
    }
    await few.tidy("alice");
    expect(await contents(stores)).toMatchObject({
      queue: ["stays-0", "stays-1", "stays-2", "stays-3"],
      gaps: ["1 5 expired", "7 7 expired"],
    });
  });

  it("are what the next session hears of", async () => {
    await enqueueExpired(stores, queue, ["m-1"]);
    await enqueue(queue, "m-2");
    await queue.tidy("alice");
    const claimed = await stores.sessions.claim({
      ...{ identifier: "alice", nodeId: "node-a", connectionId: "c", nonce: "n".repeat(24), trustVersion: version },
      ...{ proofTimestamp: Math.floor((await stores.now()) / 1000), address: "192.0.2.1" },
    });
    expect(claimed).toMatchObject({ outcome: "claimed", queue: { lastSeq: 2, waiting: 1, gaps: 1 } });
  });
});

describe("reading a queue", () => {
  it("goes on after a place, in order, and says whether there is more", async () => {
    for (const id of ["a", "b", "c", "d"]) await enqueue(queue, id);
    expect(await read(0, 2)).toMatchObject({ messages: [{ seq: 1 }, { seq: 2 }], more: true });
    expect(await read(2, 2)).toMatchObject({ messages: [{ seq: 3 }, { seq: 4 }], more: false });
    expect(await read(4)).toEqual({ messages: [], gaps: [], more: false });
    expect(await idsAfter(1, 1)).toEqual(["b"]);
  });

  it("keeps to its bytes, but reads one message whatever it has", async () => {
    for (const id of ["a", "b", "c"]) await enqueue(queue, id);
    expect(await idsAfter(0, 10, 26)).toEqual(["a", "b"]);
    expect(await idsAfter(0, 10, 25)).toEqual(["a"]);
    expect(await read(0, 10, 1)).toMatchObject({ messages: [{ messageId: "a" }], more: true });
    expect(await read(2, 10, 1)).toMatchObject({ messages: [{ messageId: "c" }], more: false });
  });

  it("reads many more than a page", async () => {
    const ids = Array.from({ length: 120 }, (_, index) => `m-${index}`);
    await Promise.all(ids.map((id) => queue.enqueue(message(id), QUEUE_LIMITS)));
    expect(await idsAfter(0, 1_000, 1_000_000)).toEqual(ids);
    expect(await idsAfter(7, 50, 1_000_000)).toEqual(ids.slice(7, 57));
  });

  it("leaves out what expired and has its gap, though nobody tidied yet", async () => {
    await enqueueExpired(stores, queue, ["late-1"]);
    await enqueue(queue, "b");
    await enqueueExpired(stores, queue, ["late-3"]);
    expect(await read()).toEqual({
      messages: [{ seq: 2, messageId: "b", frame: "rule::content", senderId: "" }],
      gaps: [
        { fromSeq: 1, toSeq: 1, reason: "expired" },
        { fromSeq: 3, toSeq: 3, reason: "expired" },
      ],
      more: false,
    });
  });

  it("of a follower that nothing was ever queued for is empty", async () => {
    expect(await queue.read("nobody", 0, 10, 10)).toEqual({ messages: [], gaps: [], more: false });
  });
});
