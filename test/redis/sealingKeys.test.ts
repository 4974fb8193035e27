import { Keyring, sealingKeyIds } from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { MASTER_KEY } from "../support/stores.ts";
import { TestCluster } from "../support/testCluster.ts";
import { waitFor } from "../support/waitFor.ts";

let server: RedisServer;
let cluster: TestCluster;
beforeAll(async () => {
  server = await startRedis({ persistent: false });
});
afterAll(() => server.stop());
beforeEach(async () => {
  cluster = await TestCluster.open(server.url);
});
afterEach(() => cluster.stop());

const OTHER_KEY = new Uint8Array(32).fill(9);
const asSetting = (...keys: Uint8Array[]) => ({
  YONEXUS_MASTER_KEY: keys.map((key) => Buffer.from(key).toString("base64")).join(","),
});
const told = () => sealingKeyIds(cluster.stores.redis, cluster.stores.keys);

describe("the master keys of the processes that live", () => {
  it("are told by each node and coordinator, by public ids, the current one first", async () => {
    const node = await cluster.startNode(asSetting(OTHER_KEY, MASTER_KEY));
    const coordinator = await cluster.startCoordinator();
    expect(await told()).toEqual([
      { kind: "node", nodeId: node.nodeId, keyIds: new Keyring([OTHER_KEY, MASTER_KEY]).keyIds },
      { kind: "coordinator", nodeId: coordinator.coordinatorId, keyIds: new Keyring([MASTER_KEY]).keyIds },
    ]);
  });

  it("show a process of another deployment: none of its ids is known to the others", async () => {
    const node = await cluster.startNode(asSetting(OTHER_KEY));
    const own = new Keyring([MASTER_KEY]).keyIds;
    const [found] = await told();
    expect(found?.nodeId).toBe(node.nodeId);
    expect(found?.keyIds.some((id) => own.includes(id))).toBe(false);
  });

  it("are unknown of a process that tells none", async () => {
    const node = await cluster.startNode();
    const coordinator = await cluster.startCoordinator();
    const { redis, keys } = cluster.stores;
    await redis.hdel(keys.node(node.nodeId), "keyIds");
    await redis.del(keys.coordinatorKeyIds(coordinator.coordinatorId));
    expect(await told()).toEqual([
      { kind: "node", nodeId: node.nodeId, keyIds: [] },
      { kind: "coordinator", nodeId: coordinator.coordinatorId, keyIds: [] },
    ]);
  });

  it("are told no more after a process stopped, or when its lease lapsed", async () => {
    const node = await cluster.startNode();
    const coordinator = await cluster.startCoordinator();
    await Promise.all([node.stop(), coordinator.stop()]);
    expect(await told()).toEqual([]);
    const { redis, keys } = cluster.stores;
    expect(await redis.exists(keys.coordinatorKeyIds(coordinator.coordinatorId))).toBe(0);
    await redis.zadd(keys.coordinators, (await cluster.stores.now()) - 1, "lapsed");
    expect(await told()).toEqual([]);
  });

  it("stay told for as long as a coordinator lives, and go with its lease", async () => {
    const coordinator = await cluster.startCoordinator({ YONEXUS_LEASE_MS: "300" });
    const { redis, keys } = cluster.stores;
    const key = keys.coordinatorKeyIds(coordinator.coordinatorId);
    expect(await redis.pttl(key)).toBeGreaterThan(0);
    await redis.pexpire(key, 1);
    await waitFor("the next renewal", async () => (await redis.pttl(key)) > 100);
    expect(await redis.pttl(key)).toBeLessThanOrEqual(300);
  });
});
