import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { UpgradeRefused } from "../support/rawFollower.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { TestCluster } from "../support/testCluster.ts";
import { waitFor } from "../support/waitFor.ts";

let redis: RedisServer;
let cluster: TestCluster;
beforeAll(async () => {
  redis = await startRedis({ persistent: false });
});
afterAll(() => redis.stop());
beforeEach(async () => {
  cluster = await TestCluster.open(redis.url, { YONEXUS_MAX_UNAUTHENTICATED_PER_ADDRESS: "1000" });
});
afterEach(() => cluster.stop());

describe("a node that drains", () => {
  it("is unready, takes nobody, tells each follower draining and 4012 one after the other, and gives everything back", async () => {
    const [node, other] = [await cluster.startNode({ YONEXUS_DRAIN_WINDOW_MS: "6000" }), await cluster.startNode()];
    // So many give it 1.8 s to drain, and stay below the hundred connections that one address may open at once.
    const identities = await Promise.all(
      Array.from({ length: 90 }, (_, index) => cluster.pairedFollower(`f-${index}`)),
    );
    const followers = await Promise.all(identities.map((identity) => cluster.logIn(node, identity)));
    const handshaking = await cluster.connect(node);
    const pairing = await cluster.connect(node);
    const bob = await cluster.newFollower("bob");
    pairing.hello(bob);
    await cluster.resolveNotice(bob);
    await pairing.next("pair_request");
    const closedAt: number[] = [];
    for (const follower of followers) void follower.closed().then(() => closedAt.push(performance.now()));

    const drained = node.drain();
    const ready = await fetch(`${node.url.replace("ws:", "http:")}/readyz`);
    expect([ready.status, await ready.json()]).toMatchObject([503, { reasons: ["draining"] }]);
    const refused = await cluster.connect(node).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(UpgradeRefused);
    expect(refused).toMatchObject({ status: 503 });
    await waitFor("the list of nodes to say so", async () => {
      const record = (await cluster.stores.nodes.list()).find(({ nodeId }) => nodeId === node.nodeId);
      return record === undefined || record.draining;
    });
    await drained;

    for (const follower of [...followers, handshaking, pairing]) {
      expect(await follower.closed()).toEqual({ code: 4012, reason: "draining" });
    }
    for (const [index, follower] of followers.entries()) {
      expect((await follower.next("disconnect_notice")).payload).toEqual({
        identifier: `f-${index}`,
        reason: "draining",
      });
    }
    expect(handshaking.received).toEqual([]);
    expect(Math.max(...closedAt) - Math.min(...closedAt)).toBeGreaterThan(300);

    expect(await cluster.stores.nodes.isAlive(node.nodeId)).toBe(false);
    expect((await cluster.stores.nodes.list()).map(({ nodeId }) => nodeId)).toEqual([other.nodeId]);
    expect(await cluster.stores.redis.keys(`${cluster.stores.keys.prefix}:node:${node.nodeId}*`)).toEqual([]);
    const summaries = await cluster.stores.directory.page(undefined, 100);
    for (const { identifier, status, endReason } of summaries) {
      if (identifier !== "bob") expect([status, endReason]).toEqual(["offline", "draining"]);
    }
    const sender = await cluster.sender();
    expect(await sender.sendMessageToClient("f-1", "chat::x")).toMatchObject({ result: "offline", reason: "draining" });
    await expect(cluster.connect(node)).rejects.toThrow(/ECONNREFUSED/u);

    // And the pairing goes on elsewhere.
    const again = await cluster.connect(other);
    again.hello(bob);
    expect((await again.next("hello_ack")).payload.nextAction).toBe("waiting_pair_confirm");
  });

  it("waits for no follower that does not answer the close frame", async () => {
    const node = await cluster.startNode();
    const follower = await cluster.logIn(node, await cluster.pairedFollower("alice"));
    follower.pause();
    const startedAt = performance.now();
    await node.drain();
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    expect(await cluster.status("alice")).toBe("offline");
  });

  it("as a process ends on SIGTERM with code 0, after every follower was told", async () => {
    const node = await cluster.startNodeProcess();
    const follower = await cluster.logIn(node, await cluster.pairedFollower("alice"));
    node.signal("SIGTERM");
    expect(await follower.closed()).toEqual({ code: 4012, reason: "draining" });
    expect(await node.exited).toBe("code 0");
    expect(await cluster.stores.nodes.list()).toEqual([]);
    expect(await cluster.stores.directory.find("alice")).toMatchObject({ status: "offline", endReason: "draining" });
  });
});

describe("a follower that comes to another node while its own drains", () => {
  it("keeps its new session", async () => {
    const [node, other] = [await cluster.startNode(), await cluster.startNode()];
    const alice = await cluster.pairedFollower("alice");
    const follower = await cluster.logIn(node, alice);
    const drained = node.drain();
    await follower.closed();
    const back = await cluster.logIn(other, alice);
    await drained;
    expect(await cluster.status("alice")).toBe("online");
    expect(back.isOpen).toBe(true);
  });
});
