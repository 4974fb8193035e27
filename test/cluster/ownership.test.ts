import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { claim } from "../support/stores.ts";
import { TestCluster } from "../support/testCluster.ts";
import type { TestNode } from "../support/testNode.ts";
import { waitFor } from "../support/waitFor.ts";

let redis: RedisServer;
let cluster: TestCluster;
let [first, second]: TestNode[] = [];
beforeAll(async () => {
  redis = await startRedis({ persistent: false });
});
afterAll(() => redis.stop());
beforeEach(async () => {
  cluster = await TestCluster.open(redis.url, { YONEXUS_MAX_UNAUTHENTICATED_PER_ADDRESS: "1000" });
  [first, second] = [await cluster.startNode(), await cluster.startNode()];
});
afterEach(() => cluster.stop());

const nodes = (): readonly [TestNode, TestNode] => {
  if (first === undefined || second === undefined) throw new Error("There are no nodes.");
  return [first, second];
};

describe("one session for each identifier", () => {
  it.each([
    ["on another node", 1],
    ["on the same node", 0],
  ] as const)(
    "is left when it authenticates again %s: the older one gets session_replaced and 4509",
    async (_where, index) => {
      const alice = await cluster.pairedFollower("alice");
      const old = await cluster.logIn(nodes()[0], alice);
      const current = await cluster.logIn(nodes()[index], alice);
      expect((await old.next("disconnect_notice")).payload).toEqual({
        identifier: "alice",
        reason: "session_replaced",
      });
      expect(await old.closed()).toEqual({ code: 4509, reason: "session_replaced" });

      // The late end of the old socket ends nothing of the new session.
      const sender = await cluster.sender();
      expect(await sender.sendMessageToClient("alice", "chat::still here")).toMatchObject({
        result: "delivered",
        node: nodes()[index].nodeId,
      });
      expect(await current.nextApplication()).toBe("chat::still here");
      expect(await cluster.status("alice")).toBe("online");
      expect(await cluster.stores.nodes.someSessions(nodes()[index].nodeId, 10)).toEqual(["alice"]);
    },
  );

  it("is left of nine logins that race over both nodes, for each of five followers; lists and messages agree", async () => {
    const sender = await cluster.sender();
    await Promise.all(
      ["alpha", "beta", "gamma", "delta", "epsilon"].map(async (identifier) => {
        const identity = await cluster.pairedFollower(identifier);
        const followers = await Promise.all(
          Array.from({ length: 9 }, (_, index) => cluster.logIn(nodes()[index % 2 === 0 ? 0 : 1], identity)),
        );
        await waitFor(
          `one session of ${identifier} to be left`,
          () => followers.filter(({ isOpen }) => isOpen).length === 1,
        );
        const winner = followers.findIndex(({ isOpen }) => isOpen);
        for (const [index, follower] of followers.entries()) {
          if (index !== winner) expect((await follower.closed()).code).toBe(4509);
        }
        const summary = await cluster.stores.directory.find(identifier);
        expect(summary).toMatchObject({ status: "online", node: nodes()[winner % 2 === 0 ? 0 : 1].nodeId });
        expect((await sender.sendMessageToClient(identifier, "chat::hello")).result).toBe("delivered");
        expect(await followers[winner]?.nextApplication()).toBe("chat::hello");
      }),
    );
  });

  it("holds after a command was missed: a node whose channel was cut off settles with Redis when it is back", async () => {
    const alice = await cluster.pairedFollower("alice");
    const old = await cluster.logIn(nodes()[0], alice);
    const { trustVersion } = await cluster.stores.trust.lookup("alice", undefined);
    // One batch: the claim's command goes out while nobody listens on the node's channel.
    const [killed, claimed] = await Promise.all([
      cluster.stores.redis.call("CLIENT", "KILL", "TYPE", "pubsub"),
      claim(cluster.stores, "alice", trustVersion, {
        nodeId: nodes()[1].nodeId,
        proofTimestamp: Math.floor(Date.now() / 1000),
      }),
    ]);
    expect(Number(killed)).toBeGreaterThan(0);
    expect(claimed.outcome).toBe("claimed");
    expect(await old.closed()).toEqual({ code: 4509, reason: "session_replaced" });
    await waitFor("the node to be ready again", async () => {
      const answer = await fetch(`${nodes()[0].url.replace("ws:", "http:")}/readyz`);
      return answer.ok;
    });
  });
});

describe("an owner that was superseded and has not heard of it", () => {
  it.each(["message", "heartbeat"] as const)("can do nothing: its %s changes nothing and ends it", async (what) => {
    const alice = await cluster.pairedFollower("alice");
    const handled: string[] = [];
    await cluster.holdRule({ rule: "chat", handler: ({ content }) => void handled.push(content) });
    const follower = await cluster.logIn(nodes()[0], alice);
    const { session } = cluster.stores.keys.follower("alice");
    await cluster.stores.redis.hincrby(session, "epoch", 1);
    await cluster.stores.redis.hset(session, "nodeId", nodes()[1].nodeId);
    const before = await cluster.stores.redis.hgetall(session);

    if (what === "heartbeat") follower.heartbeat(alice);
    else follower.send("chat::from the past");
    expect(await follower.closed()).toEqual({ code: 4509, reason: "session_replaced" });
    expect(follower.types).not.toContain("heartbeat_ack");
    if (what === "message") expect((await follower.next("error")).payload.code).toBe("OVERLOADED");

    // A later message of another follower is handled; the one from the past is not before it.
    const bob = await cluster.logIn(nodes()[1], await cluster.pairedFollower("bob"));
    bob.send("chat::now");
    await waitFor("the later message", () => handled.length > 0);
    expect(handled).toEqual(["now"]);
    expect(await cluster.stores.redis.hgetall(session)).toEqual(before);
  });
});

describe("an operator", () => {
  it("who revokes a follower's trust closes its session with re_pair_required{trust_revoked} and 4510", async () => {
    const alice = await cluster.pairedFollower("alice");
    const follower = await cluster.logIn(nodes()[1], alice);
    expect(await cluster.stores.trust.clear("alice", "lost laptop", { disallow: false })).toMatchObject({
      wasPaired: true,
      closedOn: nodes()[1].nodeId,
    });
    expect((await follower.next("re_pair_required")).payload).toEqual({ identifier: "alice", reason: "trust_revoked" });
    expect((await follower.next("disconnect_notice")).payload.reason).toBe("trust_revoked");
    expect(await follower.closed()).toEqual({ code: 4510, reason: "trust_revoked" });
    expect(await cluster.status("alice")).toBe("offline");
  });

  it("who takes a follower off the allowlist closes its session with 4503, and its trust stays for later", async () => {
    const alice = await cluster.pairedFollower("alice");
    const follower = await cluster.logIn(nodes()[0], alice);
    await cluster.stores.trust.disallow("alice");
    expect((await follower.next("disconnect_notice")).payload.reason).toBe("identifier_not_allowed");
    expect(await follower.closed()).toEqual({ code: 4503, reason: "identifier_not_allowed" });
    expect(follower.types).not.toContain("re_pair_required");

    await cluster.stores.trust.allow(["alice"]);
    await cluster.logIn(nodes()[1], alice);
  });

  it("whose order a node missed is obeyed all the same, once the node's channel is back", async () => {
    const [alice, bob] = [await cluster.pairedFollower("alice"), await cluster.pairedFollower("bob")];
    const [revoked, disallowed] = [await cluster.logIn(nodes()[0], alice), await cluster.logIn(nodes()[0], bob)];
    await Promise.all([
      cluster.stores.redis.call("CLIENT", "KILL", "TYPE", "pubsub"),
      cluster.stores.trust.clear("alice", "a test", { disallow: false }),
      cluster.stores.trust.disallow("bob"),
    ]);
    expect((await revoked.closed()).code).toBe(4510);
    expect((await disallowed.closed()).code).toBe(4503);
  });
});
