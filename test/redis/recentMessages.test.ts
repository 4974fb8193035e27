import { messageChangedAt, recentMessages } from "@yonexus/protocol/redis";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { openStores, type Stores } from "../support/stores.ts";
import { TestCluster } from "../support/testCluster.ts";

let redis: RedisServer;
let stores: Stores;
let cluster: TestCluster;
beforeAll(async () => {
  redis = await startRedis({ persistent: false });
});
afterAll(() => redis.stop());
beforeEach(async () => {
  cluster = await TestCluster.open(redis.url);
  stores = await openStores(redis.url, { keys: cluster.stores.keys });
  return async () => {
    stores.close();
    await cluster.stop();
  };
});

describe("the newest messages of a follower", () => {
  it("are those that wait and those that ended, the one that changed last first, and no more than asked for", async () => {
    const node = await cluster.startNode();
    const alice = await cluster.pairedFollower("alice");
    const sender = await cluster.sender();
    for (const id of ["one", "two", "three"]) {
      await sender.sendMessageToClient("alice", "chat::secret text", { delivery: "queued", messageId: id });
    }
    expect((await recentMessages(stores.redis, stores.keys, "alice", 10)).map(({ state }) => state)).toEqual(
      Array(3).fill("queued"),
    );
    const follower = await cluster.logIn(node, alice);
    for (let count = 0; count < 3; count++) await follower.nextApplication();
    await sender.sendMessageToClient("alice", "chat::more", {
      delivery: "queued",
      messageId: "four",
      waitFor: "written",
    });

    const found = await recentMessages(stores.redis, stores.keys, "alice", 10);
    expect(found.map(({ messageId }) => messageId).toSorted()).toEqual(["four", "one", "three", "two"]);
    expect(found.map(messageChangedAt)).toEqual(found.map(messageChangedAt).toSorted((one, other) => other - one));
    expect(JSON.stringify(found)).not.toContain("secret");
    expect(await recentMessages(stores.redis, stores.keys, "alice", 2)).toHaveLength(2);
  });

  it("of one that never got any are none", async () => {
    expect(await recentMessages(stores.redis, stores.keys, "nobody", 5)).toEqual([]);
  });
});

describe("a page of followers", () => {
  it("by a prefix has those alone that begin with it, in order, from any place on", async () => {
    await stores.trust.allow(["a", "ab", "ab-1", "ab-2", "abc", "ac", "Ab"]);
    const page = async (after: string | undefined, limit: number) =>
      (await stores.directory.page(after, limit, "ab")).map(({ identifier }) => identifier);
    expect(await page(undefined, 10)).toEqual(["ab", "ab-1", "ab-2", "abc"]);
    expect(await page(undefined, 2)).toEqual(["ab", "ab-1"]);
    expect(await page("ab-1", 10)).toEqual(["ab-2", "abc"]);
  });
});
