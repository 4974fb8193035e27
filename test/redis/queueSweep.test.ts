import { MessageQueue, QUEUE_LIMITS, QUEUE_RETENTION, QueueIndex, type RedisConnection } from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { QueueSweep } from "../../coordinator/sweeps/queueSweep.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { claimEpoch, openStores, pairFollower, type Stores } from "../support/stores.ts";
import { waitFor } from "../support/waitFor.ts";
import { CoordinatorFixture, names } from "./coordinatorFixture.ts";
import { contents, enqueue, enqueueExpired, message, pass, settle } from "./messageQueueFixture.ts";

let server: RedisServer;
let stores: Stores;
let queue: MessageQueue;
let index: QueueIndex;
beforeAll(async () => {
  server = await startRedis({ persistent: false });
});
afterAll(() => server.stop());
beforeEach(async () => {
  stores = await openStores(server.url);
  await stores.trust.allow(["alice"]);
  queue = new MessageQueue(stores.redis, stores.keys);
  index = new QueueIndex(stores.redis, stores.keys);
});
afterEach(() => stores.close());

const DAY_MS = 86_400_000;
const sweep = (budgetMs = 2_000) =>
  new QueueSweep(stores.redis, index, queue, { budgetMs }).run(new AbortController().signal);
const dueAt = async (identifier = "alice") => Number(await stores.redis.zscore(stores.keys.queues, identifier));
const makeDue = async (identifier = "alice") =>
  void (await stores.redis.zadd(stores.keys.queues, (await stores.now()) - 1, identifier));

/** A connection of which one script is run otherwise: its link is slow. */
function withSlow(redis: RedisConnection, script: string, run: (ask: () => Promise<unknown>) => Promise<unknown>) {
  return new Proxy(redis, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      const ask = (...args: unknown[]) => Reflect.apply(value, target, args);
      return name === script ? (...args: unknown[]) => run(() => ask(...args)) : ask;
    },
  });
}

describe("the index of queues", () => {
  it("has an entry before a message is queued, no later than it expires and within a day", async () => {
    const before = await stores.now();
    await enqueue(queue, "long", { ttlMs: 30 * DAY_MS });
    expect(await dueAt()).toBeGreaterThanOrEqual(before + DAY_MS);
    expect(await dueAt()).toBeLessThanOrEqual((await stores.now()) + DAY_MS);
    await enqueue(queue, "hour", { ttlMs: 3_600_000 });
    expect(await dueAt()).toBeLessThanOrEqual((await queue.record("hour"))?.expiresAt ?? 0);
    const hour = await dueAt();
    await enqueue(queue, "longer", { ttlMs: 7_200_000 });
    expect(await dueAt()).toBe(hour);
  });

  it("is not written for each message", async () => {
    await enqueue(queue, "first");
    const calls = async () =>
      Number(/cmdstat_zscore:calls=(\d+)/u.exec(String(await server.command("INFO", "commandstats")))?.[1] ?? 0);
    const before = await calls();
    for (let index = 0; index < 20; index++) await enqueue(queue, `m-${index}`);
    expect(await calls()).toBe(before);
  });

  it("is written anew by another sender, and where a sender's entry came due", async () => {
    await enqueue(queue, "m");
    const first = await dueAt();
    await enqueue(new MessageQueue(stores.redis, stores.keys), "n");
    expect(await dueAt()).toBe(first);
    // A sweep looks at it at this moment: it finds the entry changed, and leaves it.
    await makeDue();
    const [due] = await index.due(10);
    await enqueue(new MessageQueue(stores.redis, stores.keys), "o");
    const noted = await dueAt();
    expect(noted).toBeGreaterThan(due?.dueAt ?? Number.POSITIVE_INFINITY);
    for (const next of [undefined, noted + DAY_MS]) {
      if (due !== undefined) await index.settle(due, next);
      expect(await dueAt()).toBe(noted);
    }
  });

  it("is written again after a call failed: Redis may have lost it", async () => {
    await enqueue(queue, "m");
    await stores.redis.del(stores.keys.queues);
    const own = stores.keys.follower("alice");
    await stores.redis.rename(own.queue, `${own.queue}:away`);
    await stores.redis.set(own.queue, "no stream");
    await expect(queue.enqueue(message("n"), QUEUE_LIMITS)).rejects.toThrow();
    await stores.redis.rename(`${own.queue}:away`, own.queue);
    await enqueue(queue, "o");
    expect(await dueAt()).toBeGreaterThan(0);
  });

  it.each(["enqueueMessages", "recordLive"])(
    "has an entry after all when a sweep took it out before %s",
    async (script) => {
      const slow = withSlow(await stores.open("commands"), script, async (ask) => {
        await waitFor("the entry to be due", async () => (await index.due(1)).length === 1);
        await sweep();
        expect(await index.size()).toBe(0);
        return ask();
      });
      const sender = new MessageQueue(slow, stores.keys, { ...QUEUE_RETENTION, settledMs: 200 });
      if (script === "enqueueMessages") await enqueue(sender, "m");
      else await sender.recordLive({ identifier: "alice", messageId: "m", isOwnId: true, frame: "r::x" });
      expect(await index.size()).toBe(1);
    },
  );

  it("is not trusted to lie ahead for as long as the answer took that says when it is due", async () => {
    const slow = withSlow(await stores.open("commands"), "noteQueues", async (ask) => {
      const answer = await ask();
      const noted = await dueAt();
      await waitFor("the margin to be reached", async () => (await stores.now()) > noted - 900);
      return answer;
    });
    const known = new QueueIndex(slow, stores.keys);
    await known.note(new Map([["alice", 1_500]]));
    expect(known.covers("alice", 1_500)).toBe(false);
  });

  it("has an entry for records of live messages as well", async () => {
    await queue.recordLive({ identifier: "alice", messageId: "m", isOwnId: true, frame: "r::x" });
    expect(await dueAt()).toBeGreaterThan(await stores.now());
  });
});

describe("the queue sweep", () => {
  it("tidies what is due and moves its entry to the next time, which lies ahead", async () => {
    await enqueue(queue, "long");
    await enqueueExpired(stores, queue, ["a", "b"]);
    expect(await sweep()).toEqual({ expired: 2, forgotten: 0, broken: 0, unfinished: false });
    expect(await contents(stores)).toMatchObject({ queue: ["long"], gaps: ["2 3 expired"] });
    const settledAt = (await queue.record("a"))?.settledAt ?? 0;
    const expiresAt = (await queue.record("long"))?.expiresAt ?? 0;
    expect(await dueAt()).toBe(Math.min(settledAt + QUEUE_RETENTION.settledMs, expiresAt));
    expect(await sweep()).toMatchObject({ expired: 0 });
  });

  it("looks at nothing that is not due", async () => {
    await enqueue(queue, "m");
    const before = await dueAt();
    expect(await sweep()).toMatchObject({ expired: 0, forgotten: 0 });
    expect(await dueAt()).toBe(before);
  });

  it("takes out the entry of a follower with nothing left, and queueing puts it back", async () => {
    await makeDue();
    await sweep();
    expect(await index.size()).toBe(0);
    await enqueue(queue, "m");
    expect(await index.size()).toBe(1);
  });

  it("forgets old records when it comes by", async () => {
    const epoch = await claimEpoch(stores, "alice", await pairFollower(stores, "alice"));
    await enqueue(queue, "m");
    await settle(queue, epoch, "m");
    await makeDue();
    expect(await sweep()).toMatchObject({ forgotten: 0 });
    const settledAt = (await queue.record("m"))?.settledAt ?? 0;
    expect(await dueAt()).toBe(settledAt + QUEUE_RETENTION.settledMs);
    const brief = new MessageQueue(stores.redis, stores.keys, { ...QUEUE_RETENTION, settledMs: 1 });
    await makeDue();
    await pass(stores);
    const counts = await new QueueSweep(stores.redis, index, brief, { budgetMs: 2_000 }).run(
      new AbortController().signal,
    );
    expect(counts).toMatchObject({ forgotten: 1 });
    expect(await queue.record("m", "alice")).toBeUndefined();
    expect(await index.size()).toBe(0);
  });

  it("works off many queues and long ones", async () => {
    const many = names("many", 120);
    await stores.trust.allow(many);
    await Promise.all(
      [...many, ...Array.from({ length: 250 }, () => "alice")].map((identifier, place) =>
        queue.enqueue(message(`m-${place}`, { identifier, ttlMs: 1 }), QUEUE_LIMITS),
      ),
    );
    await pass(stores);
    expect(await sweep()).toMatchObject({ expired: 370, unfinished: false });
    expect(await index.due(1)).toEqual([]);
  });

  it("leaves the rest to the next one when its time is up", async () => {
    const many = names("many", 120);
    await stores.trust.allow(many);
    await Promise.all(
      many.map((identifier) => queue.enqueue(message(`m-${identifier}`, { identifier, ttlMs: 1 }), QUEUE_LIMITS)),
    );
    await pass(stores);
    expect(await sweep(0)).toMatchObject({ expired: 50, unfinished: true });
    expect(await sweep()).toMatchObject({ expired: 70, unfinished: false });
  });

  it("puts a damaged queue off, so that it does not keep the others waiting", async () => {
    await stores.redis.set(stores.keys.follower("broken").settled, "no list");
    await makeDue("broken");
    await enqueueExpired(stores, queue, ["a"]);
    expect(await sweep()).toMatchObject({ expired: 1, broken: 1 });
    expect(await dueAt("broken")).toBeGreaterThan(await stores.now());
  });

  it("of three at once expires each message once", async () => {
    await Promise.all(
      Array.from({ length: 300 }, (_, place) => queue.enqueue(message(`m-${place}`, { ttlMs: 1 }), QUEUE_LIMITS)),
    );
    await pass(stores);
    const counts = await Promise.all([sweep(), sweep(), sweep()]);
    expect(counts.reduce((sum, { expired }) => sum + expired, 0)).toBe(300);
    expect((await contents(stores)).counts).toMatchObject({ expired: 300, waiting: 0, bytes: 0, deadDropped: 200 });
  });

  it("loses no queue to a sender that queues while it looks", async () => {
    const senders = await Promise.all(
      Array.from({ length: 3 }, async () => new MessageQueue(await stores.open("commands"), stores.keys)),
    );
    let sent = 0;
    const send = async (sender: MessageQueue) => {
      for (let round = 0; round < 60; round++) await enqueue(sender, `m-${sent++}`, { ttlMs: 1 });
    };
    let isSending = true;
    const sending = Promise.all(senders.map(send)).finally(() => {
      isSending = false;
    });
    let expired = 0;
    while (isSending) expired += (await sweep()).expired;
    await sending;
    // Nothing but the index finds them now.
    await waitFor("all to expire", async () => {
      expired += (await sweep()).expired;
      return expired === sent;
    });
    expect(await contents(stores)).toMatchObject({ queue: [], counts: { expired: sent, bytes: 0 } });
  });
});

describe("a coordinator", () => {
  it("sweeps the queues by itself", async () => {
    const cluster = await CoordinatorFixture.open(server.url);
    try {
      await cluster.trust.allow(["bob"]);
      const sender = new MessageQueue(cluster.commands, cluster.keys);
      const told = await cluster.listen(cluster.keys.replyChannel("sender"));
      await enqueue(sender, "m", { identifier: "bob", ttlMs: 1, senderId: "sender" });
      await cluster.start();
      await waitFor("the sender to be told", () => told.length > 0);
      expect(told).toEqual(["e m"]);
      expect(await sender.record("m")).toMatchObject({ state: "expired" });
    } finally {
      await cluster.close();
    }
  });
});
