import { MessageQueue, QUEUE_LIMITS } from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { openStores, type Stores } from "../support/stores.ts";
import { enqueue, message } from "./messageQueueFixture.ts";

let server: RedisServer;
let stores: Stores;
let queue: MessageQueue;
beforeAll(async () => {
  server = await startRedis({ persistent: false });
});
afterAll(() => server.stop());
beforeEach(async () => {
  stores = await openStores(server.url);
  await stores.trust.allow(["alice", "bob", "carol"]);
  queue = new MessageQueue(stores.redis, stores.keys);
});
afterEach(() => stores.close());

describe("an id of a sender's own", () => {
  const idOf = (messageId: string) => stores.redis.get(stores.keys.messageIndex(messageId));

  it("of a message that is not kept is in no index", async () => {
    const full = { ...QUEUE_LIMITS, maxMessages: 0 };
    await queue.enqueue(message("overflow"), full);
    await queue.enqueue(message("unknown", { identifier: "nobody" }), QUEUE_LIMITS);
    await stores.trust.disallow("bob");
    await queue.enqueue(message("not-allowed", { identifier: "bob" }), QUEUE_LIMITS);
    await queue.recordLive({ identifier: "nobody", messageId: "live", isOwnId: true, frame: "r::x" });
    expect(await stores.redis.keys(`${stores.keys.messageIndex("")}*`)).toEqual([]);
  });

  it("stays in the index for the message that has it, whatever else is refused under it", async () => {
    await enqueue(queue, "mine");
    await queue.enqueue(message("mine", { frame: "r::other" }), QUEUE_LIMITS);
    expect(await queue.record("mine")).toMatchObject({ identifier: "alice" });
    await queue.enqueue(message("mine", { identifier: "nobody" }), QUEUE_LIMITS);
    await queue.recordLive({ identifier: "nobody", messageId: "mine", isOwnId: true, frame: "r::x" });
    await queue.recordLive({ identifier: "alice", messageId: "mine", isOwnId: true, frame: "r::x" });
    expect(await queue.record("mine")).toMatchObject({ identifier: "alice" });
    // One of the same call has room where another had none.
    const narrow = { ...QUEUE_LIMITS, maxBytes: 30 };
    const outcomes = await Promise.all(
      [`r::${"x".repeat(30)}`, "r::x"].map((frame) => queue.enqueue(message("both", { frame }), narrow)),
    );
    expect(outcomes).toMatchObject([{ outcome: "overflow" }, { outcome: "queued" }]);
    expect(await idOf("both")).toBe("alice");
  });

  it("of several followers names the first; the others' messages are found by their identifiers", async () => {
    await enqueue(queue, "shared");
    await enqueue(queue, "shared", { identifier: "bob" });
    expect(await queue.recordLive({ identifier: "carol", messageId: "shared", isOwnId: true, frame: "r::x" })).toEqual({
      outcome: "recorded",
    });
    expect(await queue.record("shared")).toMatchObject({ identifier: "alice" });
    for (const name of ["alice", "bob", "carol"]) {
      expect(await queue.record("shared", name)).toMatchObject({ identifier: name });
    }
  });

  it("is kept longer by a later message of the same follower, and never shorter", async () => {
    const lifeOf = () => stores.redis.pttl(stores.keys.messageIndex("mine"));
    await enqueue(queue, "mine", { ttlMs: 1_000 });
    await queue.enqueue(message("mine", { ttlMs: 60_000 }), QUEUE_LIMITS);
    expect(await lifeOf()).toBeGreaterThan(86_400_000 + 50_000);
    await queue.enqueue(message("mine", { ttlMs: 1_000 }), QUEUE_LIMITS);
    expect(await lifeOf()).toBeGreaterThan(86_400_000 + 50_000);
  });
});
