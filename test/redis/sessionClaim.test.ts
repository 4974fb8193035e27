import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { runScript } from "../../protocol/redis/scripts.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { claim, claimEpoch, newNonce, openStores, pairFollower, type Stores } from "../support/stores.ts";
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

const isPaired = async (identifier: string) => (await stores.trust.lookup(identifier, undefined)).trust !== undefined;

describe("claiming a session", () => {
  it("leaves one owner of 200 concurrent claims from several connections, and tells each replaced owner once", async () => {
    const trustVersion = await pairFollower(stores, "alice");
    const own = stores.keys.follower("alice");
    const connections = [stores.redis, ...(await Promise.all([1, 2, 3].map(() => stores.open("commands"))))];
    const nodeIds = ["node-a", "node-b", "node-c", "node-d"];
    const told = await Promise.all(nodeIds.map((nodeId) => stores.record(stores.keys.nodeChannel(nodeId))));
    const proofTimestamp = Math.floor((await stores.now()) / 1000);
    // The limit of valid proofs is raised: it would clear the trust at the eleventh, as another test shows.
    const maxProofs = 1_000;

    const results = await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        const nodeId = nodeIds[index % nodeIds.length] ?? "";
        const reply = await runScript(
          connections[index % connections.length] ?? stores.redis,
          "claimSession",
          [own.session, own.proofs, own.trust, own.audit, own.queue, own.messages, own.gaps, own.takeovers],
          [
            "alice",
            nodeId,
            `connection-${index}`,
            newNonce(),
            proofTimestamp,
            trustVersion,
            "192.0.2.1",
            10_000,
            maxProofs,
            30_000,
            stores.keys.nodeChannelPrefix,
            stores.keys.events,
            60_000,
            2,
            3_600_000,
          ],
        );
        expect(reply.outcome("claimed", "rate_limited", "nonce_collision")).toBe("claimed");
        return { nodeId, connectionId: `connection-${index}`, epoch: reply.number(1), previous: reply.text(4) };
      }),
    );

    const byEpoch = results.toSorted((one, other) => one.epoch - other.epoch);
    expect(new Set(byEpoch.map(({ epoch }) => epoch)).size).toBe(200);
    // Each claim replaced exactly the one before it: nobody was replaced twice, nobody was forgotten.
    expect(byEpoch.map(({ previous }) => previous)).toEqual([
      "",
      ...byEpoch.slice(0, -1).map(({ connectionId }) => connectionId),
    ]);
    const owners = await Promise.all(byEpoch.map(({ epoch }) => stores.sessions.check("alice", epoch)));
    expect(owners.filter(({ outcome }) => outcome === "owner")).toHaveLength(1);
    expect(owners.at(-1)?.outcome).toBe("owner");

    const losers = byEpoch.slice(0, -1);
    await waitFor("every loser to be told", () => told.flat().length >= losers.length);
    for (const [index, nodeId] of nodeIds.entries()) {
      const expected = losers.filter((loser) => loser.nodeId === nodeId);
      expect(told[index]).toEqual(expected.map(({ epoch }) => `x alice ${epoch} session_replaced`));
    }
  });

  it("names the node and connection that it replaced, and none for the first session or after an end", async () => {
    const version = await pairFollower(stores, "alice");
    const first = await claim(stores, "alice", version);
    expect(first).not.toHaveProperty("previousNode");
    const second = await claim(stores, "alice", version, { nodeId: "node-b", connectionId: "connection-2" });
    expect(second).toMatchObject({ previousNode: "node-a", previousConnection: "connection-1" });
    if (second.outcome === "claimed") await stores.sessions.end("alice", second.epoch, "disconnected");
    expect(await claim(stores, "alice", version)).not.toHaveProperty("previousNode");
  });

  it("publishes online once, and not again when an online session is replaced", async () => {
    const version = await pairFollower(stores, "alice");
    const events = await stores.record(stores.keys.events);
    const first = await claimEpoch(stores, "alice", version);
    const second = await claimEpoch(stores, "alice", version);
    expect(second).toBeGreaterThan(first);
    await stores.sessions.end("alice", second, "disconnected");
    await waitFor("the end to be published", () => events.length >= 2);
    expect(events.map((text) => JSON.parse(text))).toEqual([
      expect.objectContaining({
        type: "status",
        identifier: "alice",
        status: "online",
        previous: "offline",
        reason: "authenticated",
        at: expect.any(Number),
      }),
      expect.objectContaining({ status: "offline", previous: "online", reason: "disconnected" }),
    ]);
  });

  it("never lets the epoch go back, even when Redis lost the session in a failover", async () => {
    const version = await pairFollower(stores, "alice");
    const before = await claimEpoch(stores, "alice", version);
    await stores.redis.del(stores.keys.follower("alice").session);
    // An epoch is the time in milliseconds, and a failover takes longer than one.
    await waitFor("the next millisecond", async () => (await stores.now()) > before);
    const after = await claimEpoch(stores, "alice", version);
    expect(after).toBeGreaterThan(before);
    expect(after).toBeLessThanOrEqual(await stores.now());
  });

  it("raises the epoch above a stored one that is ahead of the clock", async () => {
    const version = await pairFollower(stores, "alice");
    const ahead = (await stores.now()) + 3_600_000;
    await claimEpoch(stores, "alice", version);
    await stores.redis.hset(stores.keys.follower("alice").session, "epoch", ahead);
    expect(await claimEpoch(stores, "alice", version)).toBe(ahead + 1);
  });
});

describe("a claim against what was looked up before", () => {
  it("is trust_changed when the follower was paired again in between", async () => {
    const version = await pairFollower(stores, "alice");
    await pairFollower(stores, "alice");
    expect(await claim(stores, "alice", version)).toEqual({ outcome: "trust_changed" });
    expect(await isPaired("alice")).toBe(true);
  });

  it("is trust_changed when the trust was cleared in between", async () => {
    const version = await pairFollower(stores, "alice");
    await stores.trust.clear("alice", "operator", { disallow: false });
    expect(await claim(stores, "alice", version)).toEqual({ outcome: "trust_changed" });
    const now = await stores.trust.lookup("alice", undefined);
    expect(await claim(stores, "alice", now.trustVersion)).toEqual({ outcome: "trust_changed" });
  });

  it("is not_allowed when the identifier was taken off the allowlist in between, or never was on it", async () => {
    const version = await pairFollower(stores, "alice");
    await stores.trust.disallow("alice");
    expect(await claim(stores, "alice", version)).toEqual({ outcome: "not_allowed" });
    expect(await claim(stores, "mallory", "0")).toEqual({ outcome: "not_allowed" });
    expect(await stores.redis.exists(stores.keys.follower("mallory").session)).toBe(0);
  });
});
