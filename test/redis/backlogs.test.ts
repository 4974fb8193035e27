import { Backlogs, MessageQueue } from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { openStores, type Stores } from "../support/stores.ts";
import { waitFor } from "../support/waitFor.ts";
import { enqueue, message } from "./messageQueueFixture.ts";

let server: RedisServer;
let stores: Stores;
let backlogs: Backlogs;
let queue: MessageQueue;
beforeAll(async () => {
  server = await startRedis({ persistent: false });
});
afterAll(() => server.stop());
beforeEach(async () => {
  stores = await openStores(server.url);
  backlogs = new Backlogs(stores.redis, stores.keys);
  queue = new MessageQueue(stores.redis, stores.keys);
});
afterEach(() => stores.close());

describe("what waits", () => {
  it("is nothing in a cluster that is new", async () => {
    expect(await backlogs.look()).toEqual({
      queued: 0,
      oldestQueuedMs: 0,
      inboxed: 0,
      oldestInboxedMs: 0,
      rules: { held: 0, free: 0 },
      deadLetters: { followers: 0, rules: 0 },
      livenessOverdueMs: 0,
      queuesOverdueMs: 0,
      pendingPairings: 0,
      followers: 0,
    });
  });

  it("in queues is counted over all followers, and as old as its oldest message", async () => {
    await stores.trust.allow(["alice", "bob", "carol"]);
    await enqueue(queue, "first");
    const queuedAt = (await queue.record("first", "alice"))?.acceptedAt ?? 0;
    expect(queuedAt).toBeGreaterThan(0);
    for (const [index, identifier] of ["bob", "bob", "carol"].entries()) {
      await queue.enqueue({ ...message(`m-${index}`), identifier }, { maxMessages: 10, maxBytes: 10_000 });
    }
    const age = async () => (await backlogs.look()).oldestQueuedMs;
    await waitFor("it to be older", async () => (await age()) >= 50);
    const before = await stores.now();
    const { queued, oldestQueuedMs, followers } = await backlogs.look();
    expect([queued, followers]).toEqual([4, 3]);
    expect(oldestQueuedMs).toBeGreaterThanOrEqual(before - queuedAt);
    expect(oldestQueuedMs).toBeLessThanOrEqual((await stores.now()) - queuedAt);
  });

  it("in inboxes is counted over all rules, held or free", async () => {
    await stores.rules.hold("ping", "g", "r1", 60_000);
    await stores.rules.hold("chat", "g", "r1", 60_000);
    for (const rule of ["ping", "ping", "chat"]) await stores.rules.append(rule, "alice", "hi", { maxBacklog: 10 });
    await stores.rules.leave("chat", "r1");
    const { inboxed, oldestInboxedMs, rules } = await backlogs.look();
    expect([inboxed, rules]).toEqual([3, { held: 1, free: 1 }]);
    expect(oldestInboxedMs).toBeGreaterThanOrEqual(0);
    expect(oldestInboxedMs).toBeLessThan(60_000);
  });

  it("of dead letters is told by what they were for", async () => {
    const { keys, redis } = stores;
    const places = {
      "follower alice": keys.follower("alice"),
      "rule ping": keys.rule("ping"),
      "rule gone": keys.rule("gone"),
    };
    await redis.sadd(keys.deadLetterPlaces, ...Object.keys(places));
    await stores.rules.hold("ping", "g", "r1", 60_000);
    for (const id of ["1-0", "2-0"]) await redis.xadd(keys.follower("alice").deadLetters, id, "id", "m");
    await redis.xadd(keys.rule("ping").deadLetters, "*", "from", "alice");
    expect((await backlogs.look()).deadLetters).toEqual({ followers: 2, rules: 1 });
  });

  it("of dead letters of rules is exact, however many followers have some", async () => {
    const { keys, redis } = stores;
    const many = Array.from({ length: 500 }, (_, index) => `follower f-${index}`);
    await redis.sadd(keys.deadLetterPlaces, ...many, "rule ping");
    await stores.rules.hold("ping", "g", "r1", 60_000);
    for (const id of ["1-0", "2-0", "3-0"]) await redis.xadd(keys.rule("ping").deadLetters, id, "from", "alice");
    for (let look = 0; look < 10; look += 1) expect((await backlogs.look()).deadLetters.rules).toBe(3);
  });

  it("for a sweep is as late as what is due longest", async () => {
    const now = await stores.now();
    await stores.redis.zadd(stores.keys.liveness, now - 5_000, "alice", now + 60_000, "bob");
    await stores.redis.zadd(stores.keys.queues, now + 60_000, "alice");
    const { livenessOverdueMs, queuesOverdueMs } = await backlogs.look();
    expect(livenessOverdueMs).toBeGreaterThanOrEqual(5_000);
    expect(queuesOverdueMs).toBe(0);
  });

  it("is looked at in a bounded number of places, and scaled up", async () => {
    const identifiers = Array.from({ length: 1_000 }, (_, index) => `f-${index}`);
    await stores.trust.allow(identifiers);
    await Promise.all(
      identifiers.map((identifier) =>
        queue.enqueue({ ...message(`m-${identifier}`), identifier }, { maxMessages: 10, maxBytes: 10_000 }),
      ),
    );
    const calls = async () =>
      Number(/cmdstat_evalsha:calls=(\d+)/u.exec(String(await server.command("INFO", "commandstats")))?.[1] ?? 0);
    await backlogs.look();
    const before = await calls();
    const { queued } = await backlogs.look();
    // One message in each: the sample says exactly how many.
    expect(queued).toBe(1_000);
    expect((await calls()) - before).toBeLessThanOrEqual(151);
  });
});
