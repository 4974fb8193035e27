import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { auditEvents } from "../support/stores.ts";
import { TestCluster } from "../support/testCluster.ts";
import type { TestNode } from "../support/testNode.ts";
import { waitFor } from "../support/waitFor.ts";

let redis: RedisServer;
let cluster: TestCluster;
let node: TestNode;
beforeAll(async () => {
  redis = await startRedis({ persistent: false });
});
afterAll(() => redis.stop());
beforeEach(async () => {
  cluster = await TestCluster.open(redis.url, {
    YONEXUS_UNSTABLE_AFTER_MS: "2500",
    YONEXUS_OFFLINE_AFTER_MS: "6000",
    YONEXUS_SWEEP_INTERVAL_MS: "100",
  });
  node = await cluster.startNode();
  await Promise.all([cluster.startCoordinator(), cluster.startCoordinator()]);
});
afterEach(() => cluster.stop());

describe("a follower that falls silent", () => {
  it("is told once that it is unstable, and a heartbeat brings it back online", async () => {
    const alice = await cluster.pairedFollower("alice");
    const follower = await cluster.logIn(node, alice);
    expect((await follower.next("status_update")).payload).toMatchObject({ identifier: "alice", status: "unstable" });
    expect(await cluster.status("alice")).toBe("unstable");
    follower.heartbeat(alice);
    expect((await follower.next("heartbeat_ack")).payload.status).toBe("online");
    expect(await cluster.status("alice")).toBe("online");
    expect(follower.types.filter((type) => type === "status_update")).toHaveLength(1);
  });

  it("is offline after longer: a notice, 4009, each edge once however many coordinators sweep", async () => {
    const alice = await cluster.pairedFollower("alice");
    const events = await cluster.stores.record(cluster.stores.keys.events);
    const follower = await cluster.logIn(node, alice);
    expect(await follower.closed()).toEqual({ code: 4009, reason: "heartbeat_timeout" });
    expect(follower.types.slice(2)).toEqual(["status_update", "disconnect_notice"]);
    expect(await cluster.stores.directory.find("alice")).toMatchObject({
      status: "offline",
      endReason: "heartbeat_timeout",
    });
    const statuses = events.map((text) => (JSON.parse(text) as { status: string }).status);
    expect(statuses).toEqual(["online", "unstable", "offline"]);
    expect((await auditEvents(cluster.stores, "alice")).slice(-3)).toEqual(["online", "unstable", "offline"]);
    const sender = await cluster.sender();
    expect(await sender.sendMessageToClient("alice", "chat::x")).toMatchObject({ reason: "heartbeat_timeout" });
    await cluster.logIn(node, alice);
  });

  it("is not kept alive by messages and pongs: only a heartbeat is one", async () => {
    const alice = await cluster.pairedFollower("alice");
    const follower = await cluster.logIn(node, alice);
    const chatting = setInterval(() => follower.isOpen && follower.send("chat::hello"), 100);
    expect((await follower.closed().finally(() => clearInterval(chatting))).code).toBe(4009);
  });
});

describe("a follower that sends its heartbeats", () => {
  it("stays online, and is told nothing", async () => {
    const alice = await cluster.pairedFollower("alice");
    const follower = await cluster.logIn(node, alice);
    // Over all of them longer than the time after which a silent follower is unstable.
    for (let beat = 0; beat < 12; beat++) {
      follower.heartbeat(alice);
      await follower.next("heartbeat_ack");
      const heardAt = (await cluster.stores.directory.find("alice"))?.lastHeartbeatAt ?? 0;
      await waitFor("a part of the time to pass", async () => (await cluster.stores.now()) - heardAt > 300);
    }
    expect(follower.types).not.toContain("status_update");
    expect(await cluster.status("alice")).toBe("online");
  });
});
