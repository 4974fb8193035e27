import type { HeldSession } from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { ageHeartbeat, auditEvents, claimEpoch, openStores, pairFollower, type Stores } from "../support/stores.ts";
import { waitFor } from "../support/waitFor.ts";

let server: RedisServer;
let stores: Stores;
let version: string;
beforeAll(async () => {
  server = await startRedis({ persistent: false });
});
afterAll(() => server.stop());
beforeEach(async () => {
  stores = await openStores(server.url);
  version = await pairFollower(stores, "alice");
});
afterEach(() => stores.close());

const THRESHOLDS = { unstableAfterMs: 420_000, offlineAfterMs: 660_000 };
const session = async () => stores.redis.hgetall(stores.keys.follower("alice").session);

async function held(epoch: number, changes: Partial<HeldSession> = {}): Promise<HeldSession> {
  return {
    identifier: "alice",
    epoch,
    nodeId: "node-a",
    connectionId: "connection-1",
    trustVersion: version,
    address: "192.0.2.1",
    authenticatedAt: await stores.now(),
    ...changes,
  };
}

describe("a stale epoch", () => {
  it("is refused everywhere and changes nothing of the new session", async () => {
    const old = await claimEpoch(stores, "alice", version);
    const current = await claimEpoch(stores, "alice", version, { nodeId: "node-b", connectionId: "connection-2" });
    const before = await session();
    const audit = await auditEvents(stores, "alice");

    expect(await stores.sessions.beat("alice", old)).toEqual({ outcome: "stale" });
    expect(await stores.sessions.end("alice", old, "disconnected")).toBe("stale");
    expect((await stores.sessions.check("alice", old)).outcome).toBe("stale");
    expect(await stores.sessions.reassert(await held(old), 0)).toEqual({ outcome: "superseded" });
    expect(await stores.sessions.endOfDeadNode("alice", "node-a")).toBe("stale");

    expect(await session()).toEqual(before);
    expect(await auditEvents(stores, "alice")).toEqual(audit);
    expect((await stores.sessions.check("alice", current)).outcome).toBe("owner");
  });

  it("is one of an epoch that never was, too", async () => {
    const current = await claimEpoch(stores, "alice", version);
    for (const epoch of [0, 1, current - 1, current + 1]) {
      expect(await stores.sessions.beat("alice", epoch)).toEqual({ outcome: "stale" });
      expect(await stores.sessions.end("alice", epoch, "disconnected")).toBe("stale");
      expect((await stores.sessions.check("alice", epoch)).outcome).toBe("stale");
    }
    expect(await stores.sessions.beat("nobody", 1)).toEqual({ outcome: "stale" });
    expect(await stores.sessions.end("nobody", 1, "disconnected")).toBe("stale");
    expect(await stores.sessions.endOfDeadNode("nobody", "node-a")).toBe("stale");
    expect((await stores.sessions.check("nobody", 1)).outcome).toBe("stale");
  });

  it("never ends the new session by a late close, however the closes and claims interleave", async () => {
    const epochs = [await claimEpoch(stores, "alice", version)];
    for (let round = 0; round < 5; round++) {
      const [next] = await Promise.all([
        claimEpoch(stores, "alice", version, { connectionId: `connection-${round}` }),
        ...epochs.map((epoch) => stores.sessions.end("alice", epoch, "disconnected")),
      ]);
      epochs.push(next);
      expect((await stores.sessions.check("alice", next)).outcome).toBe("owner");
    }
  });
});

describe("ending a session", () => {
  it("is done once: a second end, a heartbeat and a check find it over", async () => {
    const events = await stores.record(stores.keys.events);
    const epoch = await claimEpoch(stores, "alice", version);
    const ends = await Promise.all(
      Array.from({ length: 20 }, () => stores.sessions.end("alice", epoch, "disconnected")),
    );
    expect(ends.filter((end) => end === "ended")).toHaveLength(1);
    expect(await stores.sessions.beat("alice", epoch)).toEqual({ outcome: "stale" });
    expect((await stores.sessions.check("alice", epoch)).outcome).toBe("stale");
    await waitFor("the end to be published", () => events.length >= 2);
    expect(events).toHaveLength(2);
    expect(await stores.directory.find("alice")).toMatchObject({ status: "offline", endReason: "disconnected" });
  });

  it("of a dead node is done for what the node still owns", async () => {
    const epoch = await claimEpoch(stores, "alice", version);
    expect(await stores.sessions.endOfDeadNode("alice", "node-b")).toBe("stale");
    expect((await stores.sessions.check("alice", epoch)).outcome).toBe("owner");
    expect(await stores.sessions.endOfDeadNode("alice", "node-a")).toBe("ended");
    expect(await session()).toMatchObject({ status: "offline", endReason: "node_lost" });
    expect(await stores.sessions.ownerNode("alice")).toBe("node-a");
  });
});

describe("reasserting a session", () => {
  it("keeps the one that is owned, with the younger of the two heartbeats", async () => {
    const epoch = await claimEpoch(stores, "alice", version);
    const { lastHeartbeatAt } = await session();
    const kept = await stores.sessions.reassert(await held(epoch), 60_000);
    expect(kept).toMatchObject({ outcome: "kept", status: "online", lastHeartbeatAt: Number(lastHeartbeatAt) });
    await ageHeartbeat(stores, "alice", 500_000);
    const younger = await stores.sessions.reassert(await held(epoch), 60_000);
    if (younger.outcome !== "kept") throw new Error(younger.outcome);
    expect(younger.lastHeartbeatAt).toBe(younger.now - 60_000);
  });

  it("keeps an unstable session unstable", async () => {
    const epoch = await claimEpoch(stores, "alice", version);
    await ageHeartbeat(stores, "alice", 500_000);
    await stores.sessions.judge("alice", THRESHOLDS);
    const kept = await stores.sessions.reassert(await held(epoch), 500_000);
    expect(kept).toMatchObject({ outcome: "kept", status: "unstable" });
  });

  it("creates the session again when Redis lost it, and then only its epoch or a newer one owns it", async () => {
    const epoch = await claimEpoch(stores, "alice", version);
    const events = await stores.record(stores.keys.events);
    await stores.redis.del(stores.keys.follower("alice").session);
    const description = await held(epoch);
    expect(await stores.sessions.reassert(description, 1_000)).toMatchObject({ outcome: "kept", status: "online" });
    expect(await stores.sessions.beat("alice", epoch)).toMatchObject({ outcome: "alive" });
    expect(await session()).toMatchObject({
      epoch: String(epoch),
      nodeId: "node-a",
      connectionId: "connection-1",
      address: "192.0.2.1",
      authenticatedAt: String(description.authenticatedAt),
    });
    await waitFor("the return to be published", () => events.length > 0);
    expect(JSON.parse(events[0] ?? "")).toMatchObject({ status: "online", reason: "reasserted" });
    expect(await stores.sessions.reassert(await held(epoch - 1), 0)).toEqual({ outcome: "superseded" });
  });

  it("replaces an older session that a failover brought back", async () => {
    const older = await claimEpoch(stores, "alice", version, { nodeId: "node-b" });
    const newer = await claimEpoch(stores, "alice", version);
    await stores.redis.hset(stores.keys.follower("alice").session, "epoch", older, "nodeId", "node-b");
    expect(await stores.sessions.reassert(await held(newer), 0)).toMatchObject({ outcome: "kept" });
    expect((await stores.sessions.check("alice", newer)).outcome).toBe("owner");
    expect(await stores.sessions.beat("alice", older)).toEqual({ outcome: "stale" });
  });

  it("takes up again a session that was given up because its node seemed dead", async () => {
    const epoch = await claimEpoch(stores, "alice", version);
    await stores.sessions.endOfDeadNode("alice", "node-a");
    expect(await stores.sessions.reassert(await held(epoch), 1_000)).toMatchObject({
      outcome: "kept",
      status: "online",
    });
    expect(await session()).not.toHaveProperty("endReason");
    expect((await stores.sessions.check("alice", epoch)).outcome).toBe("owner");
  });

  it("is `ended` after a heartbeat_timeout or an end by the node itself: that session does not come back", async () => {
    const silent = await claimEpoch(stores, "alice", version);
    await ageHeartbeat(stores, "alice", 700_000);
    await stores.sessions.judge("alice", THRESHOLDS);
    expect(await stores.sessions.reassert(await held(silent), 0)).toEqual({
      outcome: "ended",
      reason: "heartbeat_timeout",
    });
    const closed = await claimEpoch(stores, "alice", version);
    await stores.sessions.end("alice", closed, "disconnected");
    expect(await stores.sessions.reassert(await held(closed), 0)).toEqual({ outcome: "ended", reason: "disconnected" });
    expect((await stores.sessions.check("alice", closed)).outcome).toBe("stale");
  });

  it("is `revoked` when the trust is another or gone, and `not_allowed` off the allowlist, lost session or not", async () => {
    const epoch = await claimEpoch(stores, "alice", version);
    await stores.redis.del(stores.keys.follower("alice").session);
    await stores.trust.disallow("alice");
    expect(await stores.sessions.reassert(await held(epoch), 0)).toEqual({ outcome: "not_allowed" });
    await stores.trust.allow(["alice"]);
    await pairFollower(stores, "alice");
    expect(await stores.sessions.reassert(await held(epoch), 0)).toEqual({ outcome: "revoked" });
    await stores.trust.clear("alice", "operator", { disallow: false });
    expect(await stores.sessions.reassert(await held(epoch), 0)).toEqual({ outcome: "revoked" });
    expect(await session()).toEqual({});
  });

  it("of 20 nodes that hold different epochs at once leaves the newest as the owner", async () => {
    const epoch = await claimEpoch(stores, "alice", version);
    await stores.redis.del(stores.keys.follower("alice").session);
    const epochs = Array.from({ length: 20 }, (_, index) => epoch + ((index * 7) % 20));
    const descriptions = await Promise.all(epochs.map((each) => held(each, { nodeId: `node-${each}` })));
    await Promise.all(descriptions.map((description) => stores.sessions.reassert(description, 0)));
    expect(await session()).toMatchObject({ epoch: String(epoch + 19), nodeId: `node-${epoch + 19}` });
  });
});
