import { MessageQueue, newMessageId, parseNodeCommand, QUEUE_LIMITS } from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { claimEpoch, openStores, pairFollower, type Stores } from "../support/stores.ts";
import { waitFor } from "../support/waitFor.ts";
import { contents, enqueue, enqueueExpired, message, settle } from "./messageQueueFixture.ts";

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

const idsOf = async () => (await queue.read("alice", 0, 1_000, 1_000_000)).messages.map(({ messageId }) => messageId);

describe("queueing a message", () => {
  it("makes it durable under the next seq, in the order of the calls, with its record", async () => {
    const before = await stores.now();
    const outcomes = await Promise.all(
      Array.from({ length: 300 }, (_, index) => queue.enqueue(message(`m-${index}`), QUEUE_LIMITS)),
    );
    expect(outcomes).toEqual(Array.from({ length: 300 }, (_, index) => ({ outcome: "queued", seq: index + 1 })));
    expect(await idsOf()).toEqual(Array.from({ length: 300 }, (_, index) => `m-${index}`));
    const record = await queue.record("m-0", "alice");
    expect(record).toEqual({
      messageId: "m-0",
      identifier: "alice",
      delivery: "queued",
      state: "queued",
      seq: 1,
      acceptedAt: expect.any(Number),
      expiresAt: (record?.acceptedAt ?? 0) + 86_400_000,
      tries: 0,
      bytes: 13,
    });
    expect(record?.acceptedAt).toBeGreaterThanOrEqual(before);
    expect(record?.acceptedAt).toBeLessThanOrEqual(await stores.now());
  });

  it("keeps the content as it is, line feeds and all, and counts bytes as UTF-8", async () => {
    const frame = "r::line 1\r\n\n  line 2::{} 🦊 \u0000 é ";
    await enqueue(queue, "m", { frame, senderId: "sender" });
    expect((await queue.read("alice", 0, 10, 10)).messages).toEqual([
      { seq: 1, messageId: "m", frame, senderId: "sender" },
    ]);
    expect((await queue.record("m", "alice"))?.bytes).toBe(Buffer.byteLength(frame));
    expect((await contents(stores)).counts).toMatchObject({ bytes: Buffer.byteLength(frame), waiting: 1 });
  });

  it("keeps nothing for an identifier that is unknown, or not allowed", async () => {
    expect(await queue.enqueue(message("m", { identifier: "nobody" }), QUEUE_LIMITS)).toEqual({
      outcome: "unknown_identifier",
    });
    await stores.trust.disallow("alice");
    expect(await queue.enqueue(message("m"), QUEUE_LIMITS)).toEqual({ outcome: "identifier_not_allowed" });
    expect(await stores.redis.keys(`${stores.keys.prefix}:{*}:{queue,messages}`)).toEqual([]);
    expect(await contents(stores)).toMatchObject({ queue: [], counts: {} });
    expect(await contents(stores, "nobody")).toMatchObject({ queue: [], counts: {} });
  });

  it("of several followers shares a call, and each has seqs of its own", async () => {
    for (const name of ["bob", "carol"]) await stores.trust.allow([name]);
    const outcomes = await Promise.all(
      ["alice", "bob", "alice", "nobody", "carol", "bob"].map((identifier, index) =>
        queue.enqueue(message(`m-${index}`, { identifier }), QUEUE_LIMITS),
      ),
    );
    expect(outcomes.map((each) => ("seq" in each ? each.seq : each.outcome))).toEqual([
      1,
      1,
      2,
      "unknown_identifier",
      1,
      2,
    ]);
    expect((await contents(stores, "bob")).queue).toEqual(["m-1", "m-5"]);
  });
});

describe("waking the node", () => {
  it("tells it the message with epoch and seq; the message counts as routed when the node hears it", async () => {
    const epoch = await claimEpoch(stores, "alice", version, { nodeId: "node-a" });
    const told = await stores.record(stores.keys.nodeChannel("node-a"));
    const outcome = await queue.enqueue(message("m", { frame: "r::a\nb", senderId: "sender" }), QUEUE_LIMITS);
    expect(outcome).toEqual({ outcome: "queued", seq: 1, node: "node-a" });
    await enqueue(queue, "n");
    await waitFor("both", () => told.length === 2);
    const base = { kind: "queued", identifier: "alice", epoch };
    expect(told.map(parseNodeCommand)).toEqual([
      { ...base, seq: 1, messageId: "m", senderId: "sender", frame: "r::a\nb" },
      { ...base, seq: 2, messageId: "n", senderId: "", frame: "rule::content" },
    ]);
    const record = await queue.record("m", "alice");
    expect(record).toMatchObject({ state: "routed", node: "node-a", routedAt: record?.acceptedAt });
  });

  it("that does not hear it leaves the message queued; so does a session that ended", async () => {
    const epoch = await claimEpoch(stores, "alice", version, { nodeId: "node-a" });
    expect(await queue.enqueue(message("m"), QUEUE_LIMITS)).toEqual({ outcome: "queued", seq: 1 });
    const told = await stores.record(stores.keys.nodeChannel("node-a"));
    await stores.sessions.end("alice", epoch, "disconnected");
    expect(await queue.enqueue(message("n"), QUEUE_LIMITS)).toEqual({ outcome: "queued", seq: 2 });
    expect(await queue.record("n", "alice")).toMatchObject({ state: "queued" });
    expect(told).toEqual([]);
  });
});

describe("an id that comes again", () => {
  it("with the same content is a duplicate with the state that the message has, also when it ended", async () => {
    const epoch = await claimEpoch(stores, "alice", version);
    await enqueue(queue, "m");
    expect(await queue.enqueue(message("m"), QUEUE_LIMITS)).toMatchObject({
      outcome: "duplicate",
      record: { messageId: "m", state: "queued", seq: 1 },
    });
    await settle(queue, epoch, "m");
    const other = { ttlMs: 5, senderId: "another" };
    expect(await queue.enqueue(message("m", other), QUEUE_LIMITS)).toMatchObject({
      outcome: "duplicate",
      record: { state: "acked" },
    });
    expect((await contents(stores)).counts).toMatchObject({ seq: 1, waiting: 0, bytes: 0 });
  });

  it("with another content is a conflict, and nothing is stored", async () => {
    await enqueue(queue, "m");
    expect(await queue.enqueue(message("m", { frame: "rule::Content" }), QUEUE_LIMITS)).toEqual({
      outcome: "id_conflict",
    });
    expect((await contents(stores)).counts).toMatchObject({ seq: 1, waiting: 1, bytes: 13 });
  });

  it("within one call is the same", async () => {
    const outcomes = await Promise.all(
      ["rule::a", "rule::a", "rule::b"].map((frame) => queue.enqueue(message("m", { frame }), QUEUE_LIMITS)),
    );
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(["queued", "duplicate", "id_conflict"]);
  });

  it("from many processes at once is queued once", async () => {
    const others = await Promise.all(
      Array.from({ length: 5 }, async () => new MessageQueue(await stores.open("commands"), stores.keys)),
    );
    const sent = others.flatMap((other) =>
      Array.from({ length: 40 }, (_, index) => other.enqueue(message(`m-${index % 20}`), QUEUE_LIMITS)),
    );
    const outcomes = (await Promise.all(sent)).map(({ outcome }) => outcome);
    expect(outcomes.filter((outcome) => outcome === "queued")).toHaveLength(20);
    expect(outcomes.filter((outcome) => outcome === "duplicate")).toHaveLength(180);
    expect((await contents(stores)).counts).toMatchObject({ seq: 20, waiting: 20 });
  });

  it("with two contents from two processes at once is queued with one of them", async () => {
    const other = new MessageQueue(await stores.open("commands"), stores.keys);
    for (let round = 0; round < 20; round++) {
      const outcomes = await Promise.all([
        queue.enqueue(message(`m-${round}`, { frame: "r::one" }), QUEUE_LIMITS),
        other.enqueue(message(`m-${round}`, { frame: "r::two" }), QUEUE_LIMITS),
      ]);
      expect(outcomes.map(({ outcome }) => outcome).toSorted()).toEqual(["id_conflict", "queued"]);
    }
  });
});

describe("a full queue", () => {
  const two = { ...QUEUE_LIMITS, maxMessages: 2 };

  it("refuses what is new by number, and keeps what is older", async () => {
    const outcomes = await Promise.all(["a", "b", "c"].map((id) => queue.enqueue(message(id), two)));
    expect(outcomes[2]).toEqual({ outcome: "overflow", cap: "messages" });
    expect(await queue.enqueue(message("d"), two)).toEqual({ outcome: "overflow", cap: "messages" });
    expect(await idsOf()).toEqual(["a", "b"]);
    expect(await queue.record("c", "alice")).toBeUndefined();
  });

  it("refuses by bytes what has no room, to the byte, and takes what has", async () => {
    const limits = { maxMessages: 100, maxBytes: 20 };
    const sized = (id: string, bytes: number) =>
      queue.enqueue(message(id, { frame: `r::${"x".repeat(bytes - 3)}` }), limits);
    expect(await sized("huge", 21)).toEqual({ outcome: "overflow", cap: "bytes" });
    expect(await sized("a", 10)).toMatchObject({ outcome: "queued" });
    expect(await sized("b", 11)).toEqual({ outcome: "overflow", cap: "bytes" });
    expect(await sized("c", 10)).toMatchObject({ outcome: "queued", seq: 2 });
    expect(await sized("d", 4)).toEqual({ outcome: "overflow", cap: "bytes" });
  });

  it("answers a duplicate as such, and has room again when a message ended", async () => {
    const epoch = await claimEpoch(stores, "alice", version);
    for (const id of ["a", "b"]) await queue.enqueue(message(id), two);
    expect(await queue.enqueue(message("a"), two)).toMatchObject({ outcome: "duplicate" });
    await settle(queue, epoch, "a");
    expect(await queue.enqueue(message("c"), two)).toEqual({ outcome: "queued", seq: 3 });
  });

  it("has room where messages expired that no sweep came by for, and keeps the order of what found it full", async () => {
    await queue.enqueue(message("stays"), two);
    await enqueueExpired(stores, queue, ["late"]);
    const outcomes = await Promise.all([queue.enqueue(message("a"), two), queue.enqueue(message("b"), two)]);
    expect(outcomes).toEqual([
      { outcome: "queued", seq: 3 },
      { outcome: "overflow", cap: "messages" },
    ]);
    expect(await contents(stores)).toMatchObject({ queue: ["stays", "a"], gaps: ["2 2 expired"] });
  });

  it("lets no later message pass one that found it full and has room after a tidying", async () => {
    const limits = { ...QUEUE_LIMITS, maxBytes: 20 };
    await enqueueExpired(stores, queue, ["late"], { frame: "r::1234567" });
    const frames = [`r::${"x".repeat(12)}`, "r::y"];
    const outcomes = await Promise.all(
      frames.map((frame, place) => queue.enqueue(message(`m-${place}`, { frame }), limits)),
    );
    expect(outcomes).toMatchObject([{ seq: 2 }, { seq: 3 }]);
  });

  it("of one follower holds nobody else up, and never lets two senders over the cap", async () => {
    await stores.trust.allow(["bob"]);
    const limits = { ...QUEUE_LIMITS, maxMessages: 50 };
    const queues = [queue, new MessageQueue(await stores.open("commands"), stores.keys)];
    const sent = queues.flatMap((each, sender) =>
      Array.from({ length: 100 }, (_, index) =>
        each.enqueue(message(`m-${sender}-${index}`, { identifier: index % 2 === 0 ? "alice" : "bob" }), limits),
      ),
    );
    const queued = (await Promise.all(sent)).filter(({ outcome }) => outcome === "queued");
    expect(queued).toHaveLength(100);
    for (const name of ["alice", "bob"]) expect((await contents(stores, name)).queue).toHaveLength(50);
  });
});

describe("finding a message", () => {
  it("needs no more than an id that was made for it", async () => {
    const { messageId, isOwnId } = newMessageId("alice");
    await enqueue(queue, messageId, { isOwnId });
    expect(await queue.record(messageId)).toMatchObject({ identifier: "alice", state: "queued" });
    expect(await stores.redis.exists(stores.keys.messageIndex(messageId))).toBe(0);
  });

  it("with an id of the sender's own goes by the index, which lasts as long as the record may", async () => {
    await enqueue(queue, "order-1", { ttlMs: 60_000 });
    expect(await queue.record("order-1")).toMatchObject({ identifier: "alice" });
    const ttl = await stores.redis.pttl(stores.keys.messageIndex("order-1"));
    expect(ttl).toBeGreaterThan(86_400_000);
    expect(ttl).toBeLessThanOrEqual(86_460_000);
    // It looks like one that was made for another follower.
    await enqueue(queue, "bob_123456789012");
    expect(await queue.record("bob_123456789012")).toMatchObject({ identifier: "alice" });
  });

  it("that nobody queued finds nothing", async () => {
    await enqueue(queue, "m");
    expect(await queue.record("other")).toBeUndefined();
    expect(await queue.record("m", "bob")).toBeUndefined();
    expect(await queue.record("#seq", "alice")).toBeUndefined();
  });
});

describe("an enqueue whose call fails", () => {
  it("rejects, and the next ones go on", async () => {
    const own = stores.keys.follower("alice");
    await stores.redis.set(own.queue, "no stream");
    await expect(queue.enqueue(message("m"), QUEUE_LIMITS)).rejects.toThrow();
    await stores.redis.del(own.queue);
    expect(await queue.enqueue(message("n"), QUEUE_LIMITS)).toMatchObject({ outcome: "queued" });
  });
});
