import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { ageHeartbeat, auditEvents, claimEpoch, openStores, pairFollower, type Stores } from "../support/stores.ts";
import { waitFor } from "../support/waitFor.ts";

const THRESHOLDS = { unstableAfterMs: 420_000, offlineAfterMs: 660_000 };

let server: RedisServer;
let stores: Stores;
let epoch: number;
beforeAll(async () => {
  server = await startRedis({ persistent: false });
});
afterAll(() => server.stop());
beforeEach(async () => {
  stores = await openStores(server.url);
  epoch = await claimEpoch(stores, "alice", await pairFollower(stores, "alice"));
});
afterEach(() => stores.close());

const judge = () => stores.sessions.judge("alice", THRESHOLDS);
const judgeAtOnce = async (judges: number) => {
  const others = await Promise.all([
    openStores(server.url, { keys: stores.keys }),
    openStores(server.url, { keys: stores.keys }),
  ]);
  const all = [stores, ...others];
  const verdicts = await Promise.all(
    Array.from({ length: judges }, (_, index) => all[index % 3]?.sessions.judge("alice", THRESHOLDS)),
  );
  for (const other of others) other.close();
  return verdicts.map((verdict) => verdict?.edge);
};
const lastHeartbeatAt = async () =>
  Number(await stores.redis.hget(stores.keys.follower("alice").session, "lastHeartbeatAt"));

describe("a liveness edge", () => {
  it("is emitted once by 20 concurrent judges: to the audit, the events and the owner's node", async () => {
    const events = await stores.record(stores.keys.events);
    const told = await stores.record(stores.keys.nodeChannel("node-a"));

    await ageHeartbeat(stores, "alice", 421_000);
    const unstable = await judgeAtOnce(20);
    expect(unstable.toSorted()).toEqual([...Array(19).fill("none"), "unstable"]);
    await ageHeartbeat(stores, "alice", 240_000);
    const offline = await judgeAtOnce(20);
    expect(offline.toSorted()).toEqual([...Array(19).fill("none"), "offline"]);

    await waitFor("both edges to be published", () => events.length >= 2 && told.length >= 2);
    expect(told).toEqual([`s alice ${epoch} unstable`, `x alice ${epoch} heartbeat_timeout`]);
    expect(events.map((text) => JSON.parse(text))).toEqual([
      expect.objectContaining({ status: "unstable", previous: "online", reason: "heartbeat_timeout" }),
      expect.objectContaining({ status: "offline", previous: "unstable", reason: "heartbeat_timeout" }),
    ]);
    expect((await auditEvents(stores, "alice")).slice(-3)).toEqual(["online", "unstable", "offline"]);
  });

  it("goes straight to offline when the sweep comes late", async () => {
    await ageHeartbeat(stores, "alice", 3_600_000);
    expect(await judge()).toEqual({ edge: "offline" });
    expect(await stores.sessions.beat("alice", epoch)).toEqual({ outcome: "stale" });
  });

  it("is none before its time, and says when to judge again", async () => {
    await ageHeartbeat(stores, "alice", 400_000);
    expect(await judge()).toEqual({ edge: "none", nextDueAt: (await lastHeartbeatAt()) + 420_001 });
    await ageHeartbeat(stores, "alice", 100_000);
    expect(await judge()).toEqual({ edge: "unstable", nextDueAt: (await lastHeartbeatAt()) + 660_001 });
    expect(await judge()).toEqual({ edge: "none", nextDueAt: (await lastHeartbeatAt()) + 660_001 });
  });

  it("is none when a heartbeat came between the look at the index and the judgement", async () => {
    await ageHeartbeat(stores, "alice", 700_000);
    await stores.liveness.postpone("alice", (await stores.now()) - 1);
    const [found] = await stores.liveness.due(10);
    expect(found?.identifier).toBe("alice");
    await stores.sessions.beat("alice", epoch);
    expect((await judge()).edge).toBe("none");
    expect((await stores.sessions.check("alice", epoch)).outcome).toBe("owner");
  });

  it("is none for an ended session and for an unknown follower, and nothing is due again", async () => {
    await ageHeartbeat(stores, "alice", 700_000);
    await stores.sessions.end("alice", epoch, "disconnected");
    const events = await stores.record(stores.keys.events);
    expect(await judge()).toEqual({ edge: "none" });
    expect(await stores.sessions.judge("nobody", THRESHOLDS)).toEqual({ edge: "none" });
    expect(events).toEqual([]);
    expect(await stores.directory.find("alice")).toMatchObject({ endReason: "disconnected" });
  });

  it("of an unstable follower is taken back by a heartbeat, which is published once", async () => {
    await ageHeartbeat(stores, "alice", 500_000);
    await judge();
    const events = await stores.record(stores.keys.events);
    await Promise.all(Array.from({ length: 10 }, () => stores.sessions.beat("alice", epoch)));
    expect(await judge()).toMatchObject({ edge: "none" });
    expect(await stores.redis.hget(stores.keys.follower("alice").session, "status")).toBe("online");
    await waitFor("the return to be published", () => events.length > 0);
    expect(events.map((text) => JSON.parse(text))).toEqual([
      expect.objectContaining({ status: "online", previous: "unstable", reason: "heartbeat" }),
    ]);
  });
});

describe("the liveness index", () => {
  it("answers what is due, longest due first, within the limit", async () => {
    const now = await stores.now();
    await stores.liveness.postpone("late", now - 1_000);
    await stores.liveness.postpone("later", now - 5_000);
    await stores.liveness.postpone("never", now + 60_000);
    expect((await stores.liveness.due(10)).map(({ identifier }) => identifier)).toEqual(["later", "late"]);
    expect(await stores.liveness.due(1)).toEqual([{ identifier: "later", dueAt: now - 5_000 }]);
    expect(await stores.liveness.size()).toBe(3);
  });

  it("moves an entry later and never earlier", async () => {
    const now = await stores.now();
    await stores.liveness.postpone("alice", now + 60_000);
    await stores.liveness.postpone("alice", now - 60_000);
    expect(await stores.liveness.due(10)).toEqual([]);
  });

  it("does not lose an entry that was moved after it was read", async () => {
    const now = await stores.now();
    await stores.liveness.postpone("alice", now - 10);
    await stores.liveness.postpone("bob", now - 20);
    const due = await stores.liveness.due(10);
    await stores.liveness.postpone("alice", now + 60_000);
    for (const each of due) await stores.liveness.remove(each);
    expect(await stores.redis.zrange(stores.keys.liveness, "0", "-1")).toEqual(["alice"]);
  });
});
