import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import {
  ageEntries,
  auditEvents,
  claim,
  claimEpoch,
  freshClaim,
  openStores,
  pairFollower,
  type Stores,
} from "../support/stores.ts";
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

describe("the freshness of a proof", () => {
  it("is the open interval of 10 s either way on the clock of Redis", async () => {
    const offsets = [-11, -10, -9, 0, 9, 10, 11];
    const versions = await Promise.all(offsets.map((offset) => pairFollower(stores, `follower${offset + 20}`)));
    // Early in a second, so that no second begins between the look at the clock and the script.
    const second = await waitFor("the beginning of a second", async () => {
      const now = await stores.now();
      return now % 1000 > 20 && now % 1000 < 300 && Math.floor(now / 1000);
    });
    const results = await Promise.all(
      offsets.map((offset, index) =>
        claim(stores, `follower${offset + 20}`, versions[index] ?? "", { proofTimestamp: second + offset }),
      ),
    );
    expect(results.map(({ outcome }) => outcome)).toEqual([
      "stale_timestamp",
      "stale_timestamp",
      "claimed",
      "claimed",
      "claimed",
      // Ten whole seconds ahead of the beginning of this second: less than ten of this moment in it.
      "claimed",
      "future_timestamp",
    ]);
  });

  it("is decided in milliseconds by the clock that the answer names", async () => {
    const names = Array.from({ length: 22 }, (_, index) => `follower${index}`);
    const versions = await Promise.all(names.map((name) => pairFollower(stores, name)));
    const second = Math.floor((await stores.now()) / 1000);
    for (const [index, name] of names.entries()) {
      const proofTimestamp = second + (index % 2 === 0 ? -10 : 10) + (index % 3) - 1;
      const result = await claim(stores, name, versions[index] ?? "", { proofTimestamp });
      if (!("now" in result)) throw new Error(result.outcome);
      const age = result.now - proofTimestamp * 1000;
      expect(result.outcome).toBe(age >= 10_000 ? "stale_timestamp" : age <= -10_000 ? "future_timestamp" : "claimed");
    }
  });

  it("takes nothing from a follower whose proof is replayed after the window: stale, and the trust stands", async () => {
    const version = await pairFollower(stores, "alice");
    const second = Math.floor((await stores.now()) / 1000);
    const used = await freshClaim(stores, "alice", version, { proofTimestamp: second - 5 });
    const first = await stores.sessions.claim(used);
    if (first.outcome !== "claimed") throw new Error(first.outcome);
    const replay = await waitFor("the proof to grow stale", async () => {
      const late = await stores.now();
      return late >= (used.proofTimestamp + 10) * 1000 && stores.sessions.claim(used);
    });
    expect(replay.outcome).toBe("stale_timestamp");
    expect(await isPaired("alice")).toBe(true);
    expect((await stores.sessions.check("alice", first.epoch)).outcome).toBe("owner");
  });
});

describe("unsafe proofs", () => {
  it("a nonce replayed from another connection and node is a nonce_collision, clears the trust and ends the session", async () => {
    const version = await pairFollower(stores, "alice");
    const elsewhere = await openStores(server.url, { keys: stores.keys });
    const told = await stores.record(stores.keys.nodeChannel("node-a"));
    const proof = await freshClaim(stores, "alice", version);
    const first = await stores.sessions.claim(proof);
    if (first.outcome !== "claimed") throw new Error(first.outcome);

    const replay = await elsewhere.sessions.claim({ ...proof, nodeId: "node-b", connectionId: "thief" });
    elsewhere.close();
    expect(replay).toEqual({ outcome: "nonce_collision" });
    expect(await isPaired("alice")).toBe(false);
    expect((await stores.sessions.check("alice", first.epoch)).outcome).toBe("stale");
    await waitFor("the owner's node to be told", () => told.length > 0);
    expect(told).toEqual([`x alice ${first.epoch} trust_revoked`]);
    expect(await auditEvents(stores, "alice")).toEqual([
      "allowed",
      "pairing_opened",
      "paired",
      "online",
      "trust_cleared",
      "offline",
    ]);
    const summary = await stores.directory.find("alice");
    expect(summary).toMatchObject({ paired: false, status: "offline", trustClearedReason: "nonce_collision" });
    expect(await claim(stores, "alice", version)).toEqual({ outcome: "trust_changed" });
  });

  it("one of 40 concurrent replays of one proof is claimed, one collides, and the rest find the trust gone", async () => {
    const version = await pairFollower(stores, "alice");
    const proof = await freshClaim(stores, "alice", version);
    const outcomes = (await Promise.all(Array.from({ length: 40 }, () => stores.sessions.claim(proof)))).map(
      ({ outcome }) => outcome,
    );
    expect(outcomes.toSorted()).toEqual(["claimed", "nonce_collision", ...Array(38).fill("trust_changed")]);
  });

  it("the eleventh valid proof in 10 s is rate_limited and clears the trust", async () => {
    const version = await pairFollower(stores, "alice");
    for (let count = 1; count <= 10; count++) {
      expect((await claim(stores, "alice", version)).outcome).toBe("claimed");
    }
    expect(await claim(stores, "alice", version)).toEqual({ outcome: "rate_limited" });
    expect(await isPaired("alice")).toBe(false);
    expect(await stores.directory.find("alice")).toMatchObject({ status: "offline", endReason: "trust_revoked" });
  });

  it("valid proofs older than 10 s no longer count", async () => {
    const version = await pairFollower(stores, "alice");
    for (let count = 1; count <= 10; count++) await claimEpoch(stores, "alice", version);
    await ageEntries(stores, stores.keys.follower("alice").proofs, 10_000);
    expect((await claim(stores, "alice", version)).outcome).toBe("claimed");
  });

  it("a follower that is paired anew after that starts with no proofs on its account", async () => {
    const version = await pairFollower(stores, "alice");
    for (let count = 1; count <= 11; count++) await claim(stores, "alice", version);
    const again = await pairFollower(stores, "alice");
    expect((await claim(stores, "alice", again)).outcome).toBe("claimed");
  });

  it("proofs are forgotten some time after the last one", async () => {
    const version = await pairFollower(stores, "alice");
    await claimEpoch(stores, "alice", version);
    const ttl = await stores.redis.pttl(stores.keys.follower("alice").proofs);
    expect(ttl).toBeGreaterThan(20_000);
    expect(ttl).toBeLessThanOrEqual(30_000);
  });

  it("wrong proofs are counted for each address, limited at the eleventh, and never touch the trust", async () => {
    const version = await pairFollower(stores, "alice");
    const epoch = await claimEpoch(stores, "alice", version);
    const tooMany = await Promise.all(
      Array.from({ length: 12 }, () => stores.attempts.countFailure("alice", "198.51.100.9")),
    );
    expect(tooMany.filter((limited) => limited)).toHaveLength(2);
    expect(await stores.attempts.countFailure("alice", "192.0.2.1")).toBe(false);
    expect(await stores.attempts.countFailure("bob", "198.51.100.9")).toBe(false);
    expect(await isPaired("alice")).toBe(true);
    expect((await stores.sessions.check("alice", epoch)).outcome).toBe("owner");
    expect(await stores.redis.pttl(stores.keys.attempts("alice", "198.51.100.9"))).toBeGreaterThan(0);
    expect((await claim(stores, "alice", version)).outcome).toBe("claimed");
  });
});
