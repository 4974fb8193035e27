import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { sampleValue, scrape } from "../support/metricsText.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { TestCluster } from "../support/testCluster.ts";
import { waitFor } from "../support/waitFor.ts";

const ADMIN = { YONEXUS_ADMIN_PORT: "0" };

let redis: RedisServer;
let cluster: TestCluster;
beforeAll(async () => {
  redis = await startRedis({ persistent: false });
});
afterAll(() => redis.stop());
beforeEach(async () => {
  cluster = await TestCluster.open(redis.url);
});
afterEach(() => cluster.stop());

/** Waits until a sample has a value. */
async function waitForSample(
  adminUrl: string | undefined,
  [name, labels]: readonly [name: string, labels: Readonly<Record<string, string>>],
  isRight: (value: number) => boolean,
): Promise<void> {
  await waitFor(`${name} ${JSON.stringify(labels)}`, async () => {
    const value = sampleValue(await scrape(adminUrl), name, labels);
    return value !== undefined && isRight(value);
  });
}

describe("the admin address of a node", () => {
  it("says that it lives and is ready, and is gone with the node", async () => {
    const node = await cluster.startNode(ADMIN);
    const [alive, ready] = [await fetch(`${node.adminUrl}/healthz`), await fetch(`${node.adminUrl}/readyz`)];
    expect([alive.status, await alive.json()]).toEqual([200, { status: "alive" }]);
    expect([ready.status, await ready.json()]).toEqual([200, { status: "ready" }]);
    await node.drain();
    await expect(fetch(`${node.adminUrl}/healthz`)).rejects.toThrow();
  });

  it("is none unless there is a port for it", async () => {
    expect(await cluster.startNode()).not.toHaveProperty("adminUrl");
  });

  it("that is taken fails the start in one sentence, and leaves nothing of the node", async () => {
    const { adminUrl, nodeId } = await cluster.startNode(ADMIN);
    const port = new URL(adminUrl ?? "").port;
    const refused = cluster.startNode({ YONEXUS_ADMIN_PORT: port });
    await expect(refused).rejects.toThrow(`Port ${port} is taken: stop what listens there, or set YONEXUS_ADMIN_PORT.`);
    expect((await cluster.stores.nodes.list()).map((node) => node.nodeId)).toEqual([nodeId]);
  });
});

describe("the metrics of a node", () => {
  it("count sessions, handshakes and messages both ways, with no identifier in them", async () => {
    const { adminUrl, ...node } = await cluster.startNode({ ...ADMIN, YONEXUS_MAX_CONNECTIONS: "2" });
    const alice = await cluster.pairedFollower("alice-in-no-metric");
    await cluster.holdRule({ rule: "rule-in-no-metric", handler: () => {} });
    const follower = await cluster.logIn(node, alice);
    const sender = await cluster.sender();
    expect((await sender.sendMessageToClient(alice.identifier, "a::b")).result).toBe("delivered");
    follower.send("rule-in-no-metric::hello");
    await waitForSample(
      adminUrl,
      ["yonexus_messages_total", { direction: "in", state: "accepted" }],
      (value) => value === 1,
    );
    const other = await cluster.connect(node);
    await expect(cluster.connect(node)).rejects.toMatchObject({ status: 503 });
    other.terminate();
    await waitForSample(adminUrl, ["yonexus_handshakes_total", { result: "ended" }], (value) => value === 1);

    const samples = await scrape(adminUrl);
    const expected: readonly (readonly [string, Record<string, string>])[] = [
      ["yonexus_sessions", {}],
      ["yonexus_sockets", { stage: "authenticated" }],
      ["yonexus_node_ready", {}],
      ["yonexus_handshakes_total", { result: "authenticated" }],
      ["yonexus_sockets_refused_total", { reason: "full" }],
      ["yonexus_messages_total", { direction: "out", state: "delivered" }],
      ["yonexus_delivery_seconds_count", { step: "write" }],
    ];
    expect(expected.map(([name, labels]) => [name, sampleValue(samples, name, labels)])).toEqual(
      expected.map(([name]) => [name, 1]),
    );
    expect(JSON.stringify(samples)).not.toContain("in-no-metric");

    follower.terminate();
    await waitForSample(adminUrl, ["yonexus_sessions_ended_total", { reason: "disconnected" }], (value) => value === 1);
  });

  it("time the ack of a queued message, and count what a newer epoch refuses", async () => {
    const { adminUrl, ...node } = await cluster.startNode(ADMIN);
    const alice = await cluster.pairedFollower("alice");
    const follower = await cluster.logIn(node, alice, { capabilities: ["ack"] });
    const sender = await cluster.sender();
    const { messageId } = await sender.sendMessageToClient("alice", "a::b", { delivery: "queued" });
    await follower.next("message");
    follower.sendBuiltin("message_ack", { id: messageId, status: "accepted" });
    await waitForSample(
      adminUrl,
      ["yonexus_messages_total", { direction: "out", state: "queued_acked" }],
      (value) => value === 1,
    );
    expect(sampleValue(await scrape(adminUrl), "yonexus_delivery_seconds_count", { step: "ack" })).toBe(1);

    // Somebody else owns the session, and the node was not told.
    await cluster.stores.redis.hincrby(cluster.stores.keys.follower("alice").session, "epoch", 1);
    follower.sendBuiltin("heartbeat", { identifier: "alice", status: "alive" });
    await waitForSample(adminUrl, ["yonexus_fenced_total", { step: "heartbeat" }], (value) => value === 1);
  });

  it("say when Redis is away", async () => {
    const { adminUrl } = await cluster.startNode(ADMIN);
    await waitForSample(adminUrl, ["yonexus_redis_up", {}], (value) => value === 1);
    await redis.pause();
    try {
      await waitForSample(adminUrl, ["yonexus_redis_up", {}], (value) => value === 0);
    } finally {
      await redis.resume();
    }
    await waitForSample(adminUrl, ["yonexus_redis_up", {}], (value) => value === 1);
  });
});

describe("the admin address of a coordinator", () => {
  it("tells of sweeps, jobs and what waits in the cluster", async () => {
    const node = await cluster.startNode(ADMIN);
    const { adminUrl } = await cluster.startCoordinator({ ...ADMIN, YONEXUS_SWEEP_INTERVAL_MS: "100" });
    const bob = await cluster.pairedFollower("bob-in-no-metric");
    const sender = await cluster.sender();
    await sender.sendMessageToClient(bob.identifier, "a::b", { delivery: "queued" });
    await cluster.logIn(node, await cluster.pairedFollower("alice"));
    await waitForSample(adminUrl, ["yonexus_waiting_messages", { place: "queues" }], (value) => value === 1);
    await waitForSample(adminUrl, ["yonexus_waiting_oldest_seconds", { place: "queues" }], (value) => value > 0);
    await waitForSample(adminUrl, ["yonexus_cluster_nodes", { state: "live" }], (value) => value === 1);
    await waitForSample(adminUrl, ["yonexus_cluster_coordinators", {}], (value) => value === 1);
    await waitForSample(
      adminUrl,
      ["yonexus_sweep_runs_total", { sweep: "liveness", result: "done" }],
      (value) => value > 0,
    );
    expect(JSON.stringify(await scrape(adminUrl))).not.toContain("in-no-metric");
  });

  it("that is taken fails the start in one sentence, and leaves nothing of the coordinator", async () => {
    const { adminUrl } = await cluster.startNode(ADMIN);
    const port = new URL(adminUrl ?? "").port;
    await expect(cluster.startCoordinator({ YONEXUS_ADMIN_PORT: port })).rejects.toThrow(
      `Port ${port} is taken: stop what listens there, or set YONEXUS_ADMIN_PORT.`,
    );
    expect(await cluster.stores.redis.zcard(cluster.stores.keys.coordinators)).toBe(0);
  });
});
