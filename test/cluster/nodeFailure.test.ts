import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
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
  // The nodes of this process must not lose their lease when it is kept waiting.
  cluster = await TestCluster.open(redis.url, { YONEXUS_LEASE_MS: "5000", YONEXUS_SWEEP_INTERVAL_MS: "200" });
});
afterEach(() => cluster.stop());

const storedSession = (identifier: string) =>
  cluster.stores.redis.hmget(cluster.stores.keys.follower(identifier).session, "status", "endReason");

describe("a node that is killed", { timeout: 120_000 }, () => {
  it("takes its sessions with it: offline for senders and lists at once, swept soon, and the followers come back elsewhere", async () => {
    const [doomed, spared] = [await cluster.startNodeProcess(), await cluster.startNode()];
    const identities = await Promise.all(["alice", "bob", "carol"].map((name) => cluster.pairedFollower(name)));
    const followers = await Promise.all(identities.map((identity) => cluster.logIn(doomed, identity)));
    const dave = await cluster.pairedFollower("dave");
    const unaffected = await cluster.logIn(spared, dave);
    const sender = await cluster.sender();
    expect((await sender.sendMessageToClient("alice", "chat::x")).result).toBe("delivered");

    doomed.signal("SIGKILL");
    const killedAt = performance.now();
    await doomed.exited;
    for (const { identifier } of identities) {
      expect(await sender.sendMessageToClient(identifier, "chat::x")).toMatchObject({
        result: "offline",
        reason: "node_lost",
        lastNode: doomed.nodeId,
      });
    }
    // Before its lease lapses, of which at least two thirds were left.
    expect(performance.now() - killedAt).toBeLessThan(3_300);
    for (const follower of followers) expect((await follower.closed()).code).toBe(1006);
    await cluster.waitForStatus("alice", "offline");
    // As far as lists go. What is stored is the sweep's to mend.
    expect((await storedSession("alice"))[0]).toBe("online");

    const [alice] = identities;
    if (alice === undefined) throw new Error("There is no alice.");
    const back = await cluster.logIn(spared, alice);
    await cluster.startCoordinator();
    // A Redis that started just now is given two leases, and one more.
    await waitFor("the sweep", async () => (await storedSession("carol"))[0] === "offline", 40_000);
    expect(await storedSession("carol")).toEqual(["offline", "node_lost"]);
    await waitFor("the node to be forgotten", async () => (await cluster.stores.nodes.list()).length === 1);

    // The sweep ends what the dead node still owned, and nothing else.
    expect((await storedSession("alice"))[0]).toBe("online");
    expect([back.isOpen, unaffected.isOpen]).toEqual([true, true]);
    expect((await sender.sendMessageToClient("alice", "chat::x")).result).toBe("delivered");
  });
});

describe("a node that is halted for longer than its lease, and goes on", { timeout: 120_000 }, () => {
  it("gives up the session that moved, and takes up again the one that did not: no follower has two", async () => {
    const [halted, other] = [await cluster.startNodeProcess(), await cluster.startNode()];
    const [alice, bob] = [await cluster.pairedFollower("alice"), await cluster.pairedFollower("bob")];
    const [moved, stayed] = [await cluster.logIn(halted, alice), await cluster.logIn(halted, bob)];
    await cluster.startCoordinator();

    halted.signal("SIGSTOP");
    await waitFor(
      "both to be given up",
      async () => {
        const stored = await Promise.all(["alice", "bob"].map(storedSession));
        return stored.every(([status, reason]) => status === "offline" && reason === "node_lost");
      },
      40_000,
    );
    const elsewhere = await cluster.logIn(other, alice);
    const sender = await cluster.sender();
    expect((await sender.sendMessageToClient("alice", "chat::1")).result).toBe("delivered");
    expect(await sender.sendMessageToClient("bob", "chat::1")).toMatchObject({
      result: "offline",
      reason: "node_lost",
    });

    halted.signal("SIGCONT");
    expect(await moved.closed()).toEqual({ code: 4509, reason: "session_replaced" });
    await cluster.waitForStatus("bob", "online");
    stayed.heartbeat(bob);
    expect((await stayed.next("heartbeat_ack")).payload.status).toBe("online");
    expect(await sender.sendMessageToClient("bob", "chat::2")).toMatchObject({
      result: "delivered",
      node: halted.nodeId,
    });
    expect(await stayed.nextApplication()).toBe("chat::2");
    expect(await sender.sendMessageToClient("alice", "chat::2")).toMatchObject({
      result: "delivered",
      node: other.nodeId,
    });
    await waitFor("both messages", () => elsewhere.received.filter((frame) => frame.startsWith("chat")).length === 2);
    expect(moved.received.filter((frame) => frame.startsWith("chat"))).toEqual([]);
  });
});
