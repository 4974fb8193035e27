import type { ClaimResult } from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import {
  ageEntries,
  ageHeartbeat,
  auditEvents,
  claim,
  claimEpoch,
  freshClaim,
  openStores,
  pairFollower,
  type Stores,
} from "../support/stores.ts";

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

let connections = 0;
const claimFrom = (address: string): Promise<ClaimResult> =>
  claim(stores, "alice", version, {
    address,
    connectionId: `connection-${++connections}`,
    nodeId: `node-of-${address}`,
  });
const outcomesFrom = async (...addresses: string[]): Promise<string[]> => {
  const outcomes: string[] = [];
  for (const address of addresses) outcomes.push((await claimFrom(address)).outcome);
  return outcomes;
};
const conflicts = async () => (await auditEvents(stores, "alice")).filter((event) => event === "takeover_conflict");

/** 10.0.0.1 has the session and was taken from twice. */
async function fight(): Promise<void> {
  expect(await outcomesFrom("10.0.0.1", "10.0.0.2", "10.0.0.1")).toEqual(["claimed", "claimed", "claimed"]);
}

describe("takeovers of a live session by other addresses", () => {
  it("succeed twice in 60 s; the third newcomer is told who keeps it, and nothing of session and trust changes", async () => {
    await fight();
    const own = stores.keys.follower("alice");
    const [session, trust] = [await stores.redis.hgetall(own.session), await stores.redis.hgetall(own.trust)];
    const refusal = { outcome: "takeover_conflict", ownerAddress: "10.0.0.1", ownerNode: "node-of-10.0.0.1" };
    expect(await claimFrom("10.0.0.2")).toEqual({ ...refusal, now: expect.any(Number), tellOperator: true });
    expect(await claimFrom("10.0.0.3")).toMatchObject({ ...refusal, tellOperator: false });
    expect(await stores.redis.hgetall(own.session)).toEqual(session);
    expect(await stores.redis.hgetall(own.trust)).toEqual(trust);
    expect((await stores.sessions.check("alice", Number(session.epoch))).outcome).toBe("owner");
  });

  it("do not tell the owner to go when they are refused", async () => {
    await fight();
    const told = await stores.record(stores.keys.nodeChannel("node-of-10.0.0.1"));
    await claimFrom("10.0.0.2");
    await stores.redis.publish(stores.keys.nodeChannel("node-of-10.0.0.1"), "after it");
    await expect.poll(() => told, { timeout: 10_000 }).toEqual(["after it"]);
  });

  it("use up the nonce when they are refused: a replay is unsafe", async () => {
    await fight();
    const refused = await freshClaim(stores, "alice", version, { address: "10.0.0.2" });
    expect((await stores.sessions.claim(refused)).outcome).toBe("takeover_conflict");
    expect((await stores.sessions.claim(refused)).outcome).toBe("nonce_collision");
  });

  it("are let in again when the window is over, by the clock of Redis", async () => {
    await fight();
    await ageEntries(stores, stores.keys.follower("alice").takeovers, 50_000);
    expect(await outcomesFrom("10.0.0.2")).toEqual(["takeover_conflict"]);
    await ageEntries(stores, stores.keys.follower("alice").takeovers, 10_000);
    expect(await outcomesFrom("10.0.0.2", "10.0.0.1", "10.0.0.2")).toEqual(["claimed", "claimed", "takeover_conflict"]);
  });

  it("are found in a race: of 8 newcomers at once two take the session", async () => {
    await claimFrom("10.0.0.1");
    const results = await Promise.all(Array.from({ length: 8 }, (_, index) => claimFrom(`10.0.1.${index}`)));
    expect(results.map(({ outcome }) => outcome).toSorted()).toEqual([
      "claimed",
      "claimed",
      ...Array<string>(6).fill("takeover_conflict"),
    ]);
  });

  it("stand in the audit with both addresses, once a minute however often they come", async () => {
    await fight();
    await outcomesFrom("10.0.0.2", "10.0.0.3", "10.0.0.2");
    expect(await conflicts()).toHaveLength(1);
    expect((await stores.directory.audit("alice", 1))[0]).toMatchObject({
      event: "takeover_conflict",
      details: { address: "10.0.0.2", owner: "10.0.0.1" },
    });
    await ageEntries(stores, stores.keys.follower("alice").proofs, 10_000);
    await ageEntries(stores, stores.keys.follower("alice").takeovers, 60_000);
    await outcomesFrom("10.0.0.2", "10.0.0.1", "10.0.0.2", "10.0.0.3");
    expect(await conflicts()).toHaveLength(2);
  });

  it("are to be told to the operator once an hour, by the clock of Redis, however many fights there are", async () => {
    const { takeovers, proofs } = stores.keys.follower("alice");
    const told: boolean[] = [];
    for (let minute = 0; minute <= 60; minute++) {
      await stores.redis.del(proofs);
      for (const address of ["10.0.0.1", "10.0.0.2", "10.0.0.1", "10.0.0.2"]) {
        const result = await claimFrom(address);
        if (result.outcome === "takeover_conflict") told.push(result.tellOperator);
      }
      await ageEntries(stores, takeovers, 60_000);
    }
    expect(told).toEqual([true, ...Array<boolean>(59).fill(false), true]);
  });

  it("leave at most four entries behind, which go by themselves", async () => {
    await fight();
    const { takeovers } = stores.keys.follower("alice");
    expect(await stores.redis.pttl(takeovers)).toBeGreaterThan(0);
    expect(await stores.redis.pttl(takeovers)).toBeLessThanOrEqual(60_000);
    await outcomesFrom("10.0.0.2", "10.0.0.3", "10.0.0.4");
    expect(await stores.redis.zcard(takeovers)).toBe(4);
    expect(await stores.redis.pttl(takeovers)).toBeGreaterThan(60_000);
    expect(await stores.redis.pttl(takeovers)).toBeLessThanOrEqual(3_600_000);
  });
});

describe("what is no takeover", () => {
  it("is a claim from the owner's own address, however often", async () => {
    expect(await outcomesFrom(...Array<string>(8).fill("10.0.0.1"))).toEqual(Array(8).fill("claimed"));
    expect(await stores.redis.exists(stores.keys.follower("alice").takeovers)).toBe(0);
  });

  it("is a claim from the owner's own address while others are refused", async () => {
    await fight();
    expect(await outcomesFrom("10.0.0.2", "10.0.0.1", "10.0.0.2")).toEqual([
      "takeover_conflict",
      "claimed",
      "takeover_conflict",
    ]);
  });

  it("is a claim in place of an owner that fell silent, and it is let in also where others were refused", async () => {
    const fallSilent = async () => {
      await ageHeartbeat(stores, "alice", 1_000);
      const verdict = await stores.sessions.judge("alice", { unstableAfterMs: 900, offlineAfterMs: 60_000 });
      expect(verdict.edge).toBe("unstable");
    };
    expect(await outcomesFrom("10.0.0.1")).toEqual(["claimed"]);
    for (let place = 2; place <= 5; place++) {
      await fallSilent();
      expect(await outcomesFrom(`10.0.0.${place}`)).toEqual(["claimed"]);
    }
    expect(await outcomesFrom("10.0.0.6", "10.0.0.7", "10.0.0.6")).toEqual(["claimed", "claimed", "takeover_conflict"]);
    await fallSilent();
    expect(await outcomesFrom("10.0.0.7")).toEqual(["claimed"]);
  });

  it("is a follower that left and comes from elsewhere", async () => {
    for (let place = 1; place <= 6; place++) {
      const epoch = await claimEpoch(stores, "alice", version, { address: `10.0.0.${place}` });
      await stores.sessions.end("alice", epoch, "disconnected");
    }
  });
});
