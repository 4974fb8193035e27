import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { claimEpoch, newFollowerKey, openStores, pairFollower, type Stores } from "../support/stores.ts";

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

const names = async (pageSize: number) => {
  const found: string[] = [];
  for await (const { identifier } of stores.directory.all(pageSize)) found.push(identifier);
  return found;
};

describe("the list of followers", () => {
  it("holds every follower once, in lexical order, whatever the size of a page", async () => {
    const identifiers = Array.from({ length: 25 }, (_, index) => `f${String(index).padStart(2, "0")}`);
    await stores.trust.allow(identifiers.toReversed());
    for (const pageSize of [1, 5, 24, 25, 26, 200]) expect(await names(pageSize)).toEqual(identifiers);
    expect((await stores.directory.page("f10", 3)).map(({ identifier }) => identifier)).toEqual(["f11", "f12", "f13"]);
  });

  it("goes on after an index entry that no follower stands behind", async () => {
    await stores.trust.allow(["a", "b", "c", "d", "e"]);
    await stores.redis.del(stores.keys.follower("b").trust);
    expect(await names(2)).toEqual(["a", "c", "d", "e"]);
    expect(await names(1)).toEqual(["a", "c", "d", "e"]);
  });

  it("tells what is known of a follower, and no secret", async () => {
    const key = newFollowerKey();
    const version = await pairFollower(stores, "alice", { key, secret: "sesame sesame" });
    await stores.nodes.renew("node-a", {
      name: "a",
      url: "ws://a",
      pid: 1,
      version: "0",
      startedAt: 0,
      sessions: 1,
      draining: false,
      leaseMs: 60_000,
    });
    const epoch = await claimEpoch(stores, "alice", version);
    await stores.pairings.open("alice", key.publicKey, key.fingerprint, {
      nodeId: "node-a",
      connectionId: "c",
      address: "192.0.2.1",
    });
    const summary = await stores.directory.find("alice");
    expect(summary).toEqual({
      identifier: "alice",
      allowed: true,
      paired: true,
      fingerprint: key.fingerprint,
      pairedAt: expect.any(Number),
      pendingPairings: 1,
      status: "online",
      node: "node-a",
      address: "192.0.2.1",
      epoch,
      authenticatedAt: expect.any(Number),
      lastHeartbeatAt: expect.any(Number),
      queued: 0,
      queuedBytes: 0,
      expired: 0,
      rejected: 0,
      deadLetters: 0,
    });
    expect(JSON.stringify(summary)).not.toMatch(/sealed|secret|v1\./u);
    expect(await stores.directory.find("nobody")).toBeUndefined();
  });

  it("keeps an audit of at most about 200 entries for each follower, newest first", async () => {
    await stores.trust.allow(["alice"]);
    for (let count = 0; count < 130; count++) {
      await stores.trust.disallow("alice");
      await stores.trust.allow(["alice"]);
    }
    const audit = await stores.directory.audit("alice", 1_000);
    expect(audit).toHaveLength(200);
    expect(audit[0]).toMatchObject({ event: "allowed", at: expect.any(Number) });
    expect(audit[1]).toMatchObject({ event: "disallowed" });
    expect(await stores.directory.audit("alice", 3)).toHaveLength(3);
    expect(await stores.directory.audit("nobody", 3)).toEqual([]);
  });
});
