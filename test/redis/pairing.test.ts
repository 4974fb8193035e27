import type { PairingWaiter } from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import {
  auditEvents,
  claimEpoch,
  type FollowerKey,
  MASTER_KEY,
  newFollowerKey,
  openStores,
  pairFollower,
  type Stores,
} from "../support/stores.ts";
import { waitFor } from "../support/waitFor.ts";

let server: RedisServer;
let stores: Stores;
let key: FollowerKey;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  stores = await openStores(server.url);
  key = newFollowerKey();
  await stores.trust.allow(["alice"]);
});
afterEach(() => stores.close());

const WRONG_CODE = "0000-0000";
const waiter = (changes: Partial<PairingWaiter> = {}): PairingWaiter => ({
  nodeId: "node-a",
  connectionId: "connection-1",
  address: "192.0.2.1",
  ...changes,
});

async function open(from: FollowerKey = key, by: Stores = stores): Promise<{ pairingId: string; code: string }> {
  const opened = await by.pairings.open("alice", from.publicKey, from.fingerprint, waiter());
  if (!("pairingId" in opened)) throw new Error(opened.outcome);
  const notice = await by.pairings.notice("alice", from.fingerprint, opened.pairingId);
  return { pairingId: opened.pairingId, code: notice?.code ?? "" };
}

const confirm = (code: string, by: Stores = stores, from: FollowerKey = key) =>
  by.pairings.confirm("alice", from.fingerprint, code, by.trust.sealSecret("alice", "the secret"));

describe("confirming a pairing", () => {
  it("with the right code trusts the key of the hello and the new secret, once, and leaves nothing pending", async () => {
    const { code } = await open();
    const paired = await confirm(code);
    expect(paired).toMatchObject({ outcome: "paired", trustVersion: "1" });
    const { trust, trustVersion } = await stores.trust.lookup("alice", key.fingerprint);
    expect(trustVersion).toBe("1");
    expect(trust?.publicKey).toBe(key.publicKey);
    expect(stores.trust.openSecret("alice", trust?.sealedSecret ?? "")).toBe("the secret");
    expect(await confirm(code)).toEqual({ outcome: "expired" });
    expect(await stores.pairings.pending(10)).toEqual([]);
    expect(await stores.directory.find("alice")).toMatchObject({ paired: true, pendingPairings: 0 });
    expect(await auditEvents(stores, "alice")).toEqual(["allowed", "pairing_opened", "paired"]);
  });

  it("of 20 concurrent confirmations with the right code exactly one pairs", async () => {
    const { code } = await open();
    const outcomes = (await Promise.all(Array.from({ length: 20 }, () => confirm(code)))).map(({ outcome }) => outcome);
    expect(outcomes.toSorted()).toEqual([...Array(19).fill("expired"), "paired"]);
    expect((await stores.trust.lookup("alice", undefined)).trustVersion).toBe("1");
  });

  it("with a wrong code leaves it open for five tries in all, then ends it", async () => {
    const { code } = await open();
    for (const triesLeft of [4, 3, 2, 1]) {
      expect(await confirm(WRONG_CODE)).toEqual({ outcome: "invalid_code", triesLeft });
    }
    expect(await confirm(WRONG_CODE)).toEqual({ outcome: "too_many_attempts" });
    expect(await confirm(code)).toEqual({ outcome: "expired" });
    expect(await stores.pairings.pending(10)).toEqual([]);
    expect((await stores.trust.lookup("alice", key.fingerprint)).pairing).toBeUndefined();
    expect(await auditEvents(stores, "alice")).toContain("pairing_tries_used_up");
    expect(await open()).toMatchObject({ code: expect.stringMatching(/^....-....$/u) });
  });

  it("with wrong codes from many connections at once never gets more than five tries", async () => {
    await open();
    const outcomes = (await Promise.all(Array.from({ length: 30 }, () => confirm(WRONG_CODE)))).map(
      ({ outcome }) => outcome,
    );
    expect(outcomes.filter((outcome) => outcome === "invalid_code")).toHaveLength(4);
    expect(outcomes.filter((outcome) => outcome === "too_many_attempts")).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === "expired")).toHaveLength(25);
  });

  it("after the right code came on the last try pairs", async () => {
    const { code } = await open();
    for (let count = 0; count < 4; count++) await confirm(WRONG_CODE);
    expect(await confirm(code)).toMatchObject({ outcome: "paired" });
  });

  it("is expired by the clock of Redis, also while the record is still there", async () => {
    const { code } = await open();
    const record = stores.keys.pairing("alice", key.fingerprint);
    await stores.redis.hset(record, "expiresAt", await stores.now());
    expect(await stores.redis.exists(record)).toBe(1);
    expect(await confirm(code)).toEqual({ outcome: "expired" });
    expect((await stores.trust.lookup("alice", key.fingerprint)).pairing).toBeUndefined();
    expect((await stores.trust.lookup("alice", undefined)).trust).toBeUndefined();
  });

  it("is expired when its time is over: the record goes by itself, and a new one may be opened", async () => {
    const brief = await openStores(server.url, { keys: stores.keys, limits: { ttlMs: 40 } });
    const { code } = await open(key, brief);
    await waitFor(
      "the pairing to expire",
      async () => (await stores.redis.exists(stores.keys.pairing("alice", key.fingerprint))) === 0,
    );
    brief.close();
    expect(await confirm(code)).toEqual({ outcome: "expired" });
    expect(await stores.pairings.pending(10)).toEqual([]);
    expect(await stores.pairings.forgetExpired()).toBe(1);
    const again = await open();
    expect(again.code).not.toBe(code);
    expect(await confirm(code)).toMatchObject({ outcome: "invalid_code" });
    expect(await confirm(again.code)).toMatchObject({ outcome: "paired" });
  });

  it("is not_allowed once the identifier is off the allowlist", async () => {
    const { code } = await open();
    await stores.trust.disallow("alice");
    expect(await confirm(code)).toEqual({ outcome: "not_allowed" });
  });

  it.each([
    ["taken off the allowlist and put back", async () => stores.trust.disallow("alice")],
    ["revoked and put back", async () => stores.trust.clear("alice", "revoke", { disallow: true })],
    ["to pair anew", async () => stores.trust.clear("alice", "repair", { disallow: false })],
  ])("is expired when the follower is %s meanwhile: who waits is told, and a new code is made", async (_, decide) => {
    const told = await stores.record(stores.keys.nodeChannel("node-a"));
    const { code, pairingId } = await open();
    await decide();
    await stores.trust.allow(["alice"]);
    await waitFor("the node to be told", () => told.length > 0);
    expect(told).toEqual([`p connection-1 ${pairingId} void`]);
    expect(await stores.pairings.pending(10)).toEqual([]);
    expect(await confirm(code)).toEqual({ outcome: "expired" });
    const again = await open();
    expect(await confirm(code)).toMatchObject({ outcome: "invalid_code" });
    expect(await confirm(again.code)).toMatchObject({ outcome: "paired" });
    expect(await auditEvents(stores, "alice")).toContain("pairing_void");
  });

  it("is expired also when the operator's process died before it ended the pairing: nothing takes the old record", async () => {
    const first = await open();
    // What is left when the second step did not happen.
    const voided = async () => stores.redis.hincrby(stores.keys.follower("alice").trust, "pairingEpoch", 1);
    await voided();
    expect(await stores.pairings.notice("alice", key.fingerprint, first.pairingId)).toBeUndefined();
    expect((await stores.trust.lookup("alice", key.fingerprint)).pairing).toBeUndefined();
    expect(await confirm(first.code)).toEqual({ outcome: "expired" });

    const second = await open();
    await voided();
    expect(await stores.pairings.resolveNotice("alice", key.fingerprint, second.pairingId, "sent")).toBe("gone");
    expect(await stores.pairings.pending(10)).toEqual([]);

    const third = await open();
    await voided();
    const fourth = await open();
    expect(fourth.pairingId).not.toBe(third.pairingId);
    expect(await stores.redis.zcard(stores.keys.follower("alice").pairings)).toBe(1);
    expect(await confirm(fourth.code)).toMatchObject({ outcome: "paired" });
  });

  it("of a paired follower replaces the trust, raises its version and ends the session the old trust let in", async () => {
    const version = await pairFollower(stores, "alice", { key, secret: "old secret" });
    const epoch = await claimEpoch(stores, "alice", version);
    const told = await stores.record(stores.keys.nodeChannel("node-a"));
    const { code } = await open();
    // Until the new pairing succeeds the old trust stands.
    expect((await stores.sessions.check("alice", epoch)).outcome).toBe("owner");
    await confirm(WRONG_CODE);
    expect((await stores.trust.lookup("alice", undefined)).trustVersion).toBe(version);

    expect(await confirm(code)).toMatchObject({ outcome: "paired", trustVersion: String(Number(version) + 1) });
    expect((await stores.sessions.check("alice", epoch)).outcome).toBe("stale");
    await waitFor("the node to be told", () => told.some((text) => text.startsWith("x")));
    expect(told).toEqual([`x alice ${epoch} trust_revoked`]);
    expect(await stores.directory.find("alice")).toMatchObject({ status: "offline", endReason: "trust_revoked" });
  });

  it("leaves the pending pairing of another key alone", async () => {
    const stranger = newFollowerKey();
    const theirs = await open(stranger);
    const own = await open();
    expect(theirs.pairingId).not.toBe(own.pairingId);
    for (let count = 0; count < 5; count++) await confirm(WRONG_CODE, stores, stranger);
    expect(await confirm(own.code)).toMatchObject({ outcome: "paired" });
    expect(await confirm(own.code, stores, stranger)).toEqual({ outcome: "expired" });
    expect((await stores.trust.lookup("alice", undefined)).trust?.publicKey).toBe(key.publicKey);
  });

  it("does not take one key's code for another key, nor one identifier's for another", async () => {
    const stranger = newFollowerKey();
    const own = await open();
    await open(stranger);
    expect(await confirm(own.code, stores, stranger)).toMatchObject({ outcome: "invalid_code" });
    await stores.trust.allow(["bob"]);
    await stores.pairings.open("bob", key.publicKey, key.fingerprint, waiter());
    const asBob = await stores.pairings.confirm("bob", key.fingerprint, own.code, "sealed");
    expect(asBob).toMatchObject({ outcome: "invalid_code" });
  });
});

describe("a pending pairing's code", () => {
  it("still matches after the master key was rotated", async () => {
    const { code } = await open();
    const rotated = await openStores(server.url, {
      keys: stores.keys,
      masterKeys: [new Uint8Array(32).fill(8), MASTER_KEY],
    });
    expect(await confirm(WRONG_CODE, rotated)).toMatchObject({ outcome: "invalid_code" });
    expect(await confirm(code, rotated)).toMatchObject({ outcome: "paired" });
    rotated.close();
  });

  it("does not match for a process with another master key", async () => {
    const { code } = await open();
    const stranger = await openStores(server.url, { keys: stores.keys, masterKeys: [new Uint8Array(32).fill(8)] });
    expect(await confirm(code, stranger)).toMatchObject({ outcome: "invalid_code" });
    stranger.close();
  });

  it("survives a kill of Redis", async () => {
    const { code, pairingId } = await open();
    // The append-only file is written to the disk once a second; a process that is killed has handed it to the system.
    await server.kill("SIGKILL");
    await server.restart();
    await waitFor("the connection to be back", () => stores.redis.status === "ready");
    expect(await stores.pairings.notice("alice", key.fingerprint, pairingId)).toMatchObject({ code });
    expect(await stores.pairings.pending(10)).toMatchObject([{ identifier: "alice", fingerprint: key.fingerprint }]);
    expect(await confirm(code)).toMatchObject({ outcome: "paired" });
  });
});
