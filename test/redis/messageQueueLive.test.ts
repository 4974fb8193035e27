import { MessageQueue, newMessageId, QUEUE_LIMITS, QUEUE_RETENTION } from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { claimEpoch, openStores, pairFollower, type Stores } from "../support/stores.ts";
import { waitFor } from "../support/waitFor.ts";
import { contents, message, settle } from "./messageQueueFixture.ts";

let server: RedisServer;
let stores: Stores;
let queue: MessageQueue;
beforeAll(async () => {
  server = await startRedis({ persistent: false });
});
afterAll(() => server.stop());
beforeEach(async () => {
  stores = await openStores(server.url);
  await stores.trust.allow(["alice"]);
  queue = new MessageQueue(stores.redis, stores.keys);
});
afterEach(() => stores.close());

const live = (messageId: string, frame = "rule::content") =>
  queue.recordLive({ identifier: "alice", messageId, isOwnId: true, frame });

describe("the record of a live message", () => {
  it("begins as accepted, follows the message, and holds no content", async () => {
    const { messageId, isOwnId } = newMessageId("alice");
    const frame = "rule::secret content";
    expect(await queue.recordLive({ identifier: "alice", messageId, isOwnId, frame })).toEqual({ outcome: "recorded" });
    expect(await queue.record(messageId)).toEqual({
      ...{ messageId, identifier: "alice", delivery: "live", state: "accepted", bytes: 20, tries: 0 },
      acceptedAt: expect.any(Number),
    });
    await queue.noteLive({ identifier: "alice", messageId, state: "routed", node: "node-a" });
    expect(await queue.record(messageId)).toMatchObject({
      state: "routed",
      node: "node-a",
      routedAt: expect.any(Number),
    });
    await queue.noteLive({ identifier: "alice", messageId, state: "written" });
    expect(await queue.record(messageId)).toMatchObject({ state: "written", node: "node-a", tries: 1 });
    await queue.noteLive({ identifier: "alice", messageId, state: "acked" });
    expect(await queue.record(messageId)).toMatchObject({ state: "acked", settledAt: expect.any(Number) });
    expect(await stores.redis.hvals(stores.keys.follower("alice").messages)).not.toContainEqual(
      expect.stringContaining("secret"),
    );
  });

  it("never goes back, whoever comes late", async () => {
    await live("m");
    await queue.noteLive({ identifier: "alice", messageId: "m", state: "written", node: "node-a" });
    await queue.noteLive({ identifier: "alice", messageId: "m", state: "routed", node: "node-b" });
    await queue.noteLive({ identifier: "alice", messageId: "m", state: "offline", reason: "node_lost" });
    expect(await queue.record("m")).toMatchObject({ state: "written", node: "node-a", tries: 1 });
    await live("n");
    await queue.noteLive({ identifier: "alice", messageId: "n", state: "offline", reason: "node_lost" });
    expect(await queue.record("n")).toMatchObject({ state: "offline", reason: "node_lost" });
  });

  it("tells an id that comes again: a duplicate, or a conflict, also with a queued message", async () => {
    await live("m");
    expect(await live("m")).toMatchObject({ outcome: "duplicate", record: { state: "accepted", delivery: "live" } });
    expect(await live("m", "rule::other")).toEqual({ outcome: "id_conflict" });
    expect(await queue.enqueue(message("m"), QUEUE_LIMITS)).toMatchObject({ outcome: "duplicate" });
    await queue.enqueue(message("q"), QUEUE_LIMITS);
    expect(await live("q")).toMatchObject({ outcome: "duplicate", record: { delivery: "queued" } });
  });

  it("is none of the queue's: it cannot be settled, and a queued message is not noted as a live one", async () => {
    const version = await pairFollower(stores, "alice");
    const epoch = await claimEpoch(stores, "alice", version);
    await live("m");
    expect(await settle(queue, epoch, "m")).toBe("unknown");
    await queue.enqueue(message("q"), QUEUE_LIMITS);
    await queue.noteLive({ identifier: "alice", messageId: "q", state: "acked" });
    expect(await queue.record("q")).toMatchObject({ state: "queued" });
  });

  it("is not kept for an identifier that nobody ever allowed, and not made by what comes after it", async () => {
    const unknown = { identifier: "nobody", messageId: "m", isOwnId: true, frame: "rule::content" };
    expect(await queue.recordLive(unknown)).toEqual({ outcome: "unknown_identifier" });
    await queue.noteLive({ identifier: "alice", messageId: "m", state: "written" });
    expect(await queue.record("m", "alice")).toBeUndefined();
    expect(await stores.redis.exists(stores.keys.follower("nobody").messages)).toBe(0);
  });

  it("is bounded in number and in age", async () => {
    const few = new MessageQueue(stores.redis, stores.keys, { ...QUEUE_RETENTION, settledMessages: 3, settledMs: 1 });
    for (const messageId of ["a", "b", "c", "d"]) {
      await few.recordLive({ identifier: "alice", messageId, isOwnId: false, frame: "rule::content" });
    }
    expect((await contents(stores)).settled).toEqual(["b", "c", "d"]);
    await waitFor("the records to be old", async () => (await few.tidy("alice")).nextDueAt === undefined);
    expect(await stores.redis.exists(stores.keys.follower("alice").messages)).toBe(0);
  });
});
