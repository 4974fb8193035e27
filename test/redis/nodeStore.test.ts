import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { claimEpoch, openStores, pairFollower, type Stores } from "../support/stores.ts";
import { waitFor } from "../support/waitFor.ts";

let server: RedisServer;
let stores: Stores;
beforeAll(async () => {
  server = await startRedis({ persistent: false });
});
afterAll(() => server.stop());
beforeEach(async () => {
  stores = await openStores(server.url);
});
afterEach(() => stores.close());

const report = (changes: { leaseMs?: number; sessions?: number; draining?: boolean } = {}) => ({
  name: "front",
  url: "ws://192.0.2.7:8787",
  pid: 42,
  version: "0.1.0",
  startedAt: 1_700_000_000_000,
  sessions: 0,
  draining: false,
  leaseMs: 60_000,
  ...changes,
});

describe("a node's lease", () => {
  it("makes the node alive and listed, with what it last said of itself", async () => {
    await stores.nodes.renew("front-1", report());
    const now = await stores.nodes.renew("front-1", report({ sessions: 3, draining: true }));
    expect(await stores.nodes.isAlive("front-1")).toBe(true);
    const { leaseMs, ...said } = report({ sessions: 3, draining: true });
    expect(await stores.nodes.list()).toEqual([{ nodeId: "front-1", renewedAt: now, ...said }]);
    expect(leaseMs).toBe(60_000);
    expect(await stores.nodes.lapsed(10)).toEqual([]);
  });

  it("tells the ids of the node's master keys, the current one first, where the node told them", async () => {
    await stores.nodes.renew("front-1", { ...report(), keyIds: ["0a1b2c3d", "ffffffff"] });
    await stores.nodes.renew("front-2", report());
    const [told, untold] = await stores.nodes.list();
    expect(told?.keyIds).toEqual(["0a1b2c3d", "ffffffff"]);
    expect(untold).not.toHaveProperty("keyIds");
  });

  it("lapses by itself: then the node is dead, not listed, and found by the sweep with its sessions", async () => {
    await stores.nodes.renew("front-1", report({ leaseMs: 40 }));
    await stores.nodes.renew("front-2", report());
    await stores.nodes.addSession("front-1", "alice");
    await stores.nodes.addSession("front-1", "bob");
    await waitFor("the lease to lapse", async () => !(await stores.nodes.isAlive("front-1")));
    const lapsed = await waitFor("the sweep to find it", async () => {
      const found = await stores.nodes.lapsed(10);
      return found.length > 0 && found;
    });
    expect(lapsed).toEqual(["front-1"]);
    expect((await stores.nodes.list()).map(({ nodeId }) => nodeId)).toEqual(["front-2"]);
    expect((await stores.nodes.someSessions("front-1", 10)).toSorted()).toEqual(["alice", "bob"]);
    await stores.nodes.forgetSessions("front-1", ["alice"]);
    expect(await stores.nodes.someSessions("front-1", 10)).toEqual(["bob"]);
  });

  it("that was renewed after it lapsed makes the node alive again", async () => {
    await stores.nodes.renew("front-1", report({ leaseMs: 20 }));
    await waitFor("the lease to lapse", async () => (await stores.nodes.lapsed(10)).length > 0);
    await stores.nodes.renew("front-1", report());
    expect(await stores.nodes.isAlive("front-1")).toBe(true);
    expect(await stores.nodes.lapsed(10)).toEqual([]);
  });

  it("given back leaves nothing to sweep", async () => {
    await stores.nodes.renew("front-1", report());
    await stores.nodes.addSession("front-1", "alice");
    await stores.nodes.release("front-1");
    expect(await stores.nodes.isAlive("front-1")).toBe(false);
    expect(await stores.nodes.list()).toEqual([]);
    expect(await stores.redis.keys(`${stores.keys.prefix}:node*`)).toEqual([]);
  });

  it("decides at once, before any sweep, that a dead node's follower is offline for those who look", async () => {
    await claimEpoch(stores, "alice", await pairFollower(stores, "alice"), { nodeId: "front-1" });
    await stores.nodes.renew("front-1", report());
    expect(await stores.directory.find("alice")).toMatchObject({ status: "online", node: "front-1" });
    await stores.nodes.release("front-1");
    expect(await stores.directory.find("alice")).toMatchObject({ status: "offline", endReason: "node_lost" });
  });
});

describe("a node's sessions", () => {
  it("are an index that entries enter and leave", async () => {
    await stores.nodes.addSession("front-1", "alice");
    await stores.nodes.addSession("front-1", "alice");
    await stores.nodes.addSession("front-1", "bob");
    await stores.nodes.removeSession("front-1", "alice");
    expect(await stores.nodes.someSessions("front-1", 10)).toEqual(["bob"]);
    expect(await stores.nodes.someSessions("front-2", 10)).toEqual([]);
    await stores.nodes.forgetSessions("front-1", []);
    expect(await stores.nodes.someSessions("front-1", 10)).toEqual(["bob"]);
  });
});
