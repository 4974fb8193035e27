import { UnsealError } from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import {
  ageEntries,
  auditEvents,
  type FollowerKey,
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
  server = await startRedis({ persistent: false });
});
afterAll(() => server.stop());
beforeEach(async () => {
  stores = await openStores(server.url);
  key = newFollowerKey();
  await stores.trust.allow(["alice"]);
});
afterEach(() => stores.close());

const open = (from: FollowerKey = key, address = "192.0.2.1", connectionId = "connection-1") =>
  stores.pairings.open("alice", from.publicKey, from.fingerprint, { nodeId: "node-a", connectionId, address });
async function openId(from: FollowerKey = key, address?: string): Promise<string> {
  const opened = await open(from, address);
  if (!("pairingId" in opened)) throw new Error(opened.outcome);
  return opened.pairingId;
}
const resolve = (pairingId: string, result: "sent" | "failed") =>
  stores.pairings.resolveNotice("alice", key.fingerprint, pairingId, result, "refused");

describe("opening a pairing", () => {
  it("50 concurrent hellos of one key open one pairing, with one code and one notice", async () => {
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, index) => open(key, "192.0.2.1", `connection-${index}`)),
    );
    expect(results.filter(({ outcome }) => outcome === "opened")).toHaveLength(1);
    expect(results.filter(({ outcome }) => outcome === "joined")).toHaveLength(49);
    expect(new Set(results.map((result) => ("pairingId" in result ? result.pairingId : ""))).size).toBe(1);
    expect(await stores.redis.zcard(stores.keys.follower("alice").notices)).toBe(1);
    expect(await stores.pairings.pending(10)).toHaveLength(1);
    expect((await auditEvents(stores, "alice")).filter((event) => event === "pairing_opened")).toHaveLength(1);
  });

  it("of another key is a pairing of its own, with a code of its own", async () => {
    const other = newFollowerKey();
    const [own, theirs] = [await openId(), await openId(other)];
    expect(theirs).not.toBe(own);
    const codes = [
      (await stores.pairings.notice("alice", key.fingerprint, own))?.code,
      (await stores.pairings.notice("alice", other.fingerprint, theirs))?.code,
    ];
    expect(new Set(codes).size).toBe(2);
    expect(await stores.pairings.pending(10)).toHaveLength(2);
    expect(await stores.pairings.pending(1)).toHaveLength(1);
  });

  it("is refused when the identifier is not on the allowlist, and nothing is written", async () => {
    const { publicKey, fingerprint } = newFollowerKey();
    const waiting = { nodeId: "node-a", connectionId: "c", address: "192.0.2.1" };
    expect(await stores.pairings.open("mallory", publicKey, fingerprint, waiting)).toEqual({ outcome: "not_allowed" });
    expect(await stores.redis.keys(`${stores.keys.prefix}:{mallory}:*`)).toEqual([]);
    expect(await stores.pairings.pending(10)).toEqual([]);
  });

  it("has at most 3 pending from one address, also when 20 keys come at once; another address has its own", async () => {
    const outcomes = (await Promise.all(Array.from({ length: 20 }, () => open(newFollowerKey())))).map(
      ({ outcome }) => outcome,
    );
    expect(outcomes.filter((outcome) => outcome === "opened")).toHaveLength(3);
    expect(outcomes.filter((outcome) => outcome === "pending_limit")).toHaveLength(17);
    expect((await open(key, "198.51.100.1")).outcome).toBe("opened");
  });

  it("has at most 5 notices an hour from one address", async () => {
    for (let count = 0; count < 5; count++) {
      // Each is confirmed at once, so that none is pending.
      await pairFollower(stores, "alice", { address: "192.0.2.1" });
    }
    expect((await open()).outcome).toBe("address_limit");
    expect((await open(key, "198.51.100.1")).outcome).toBe("opened");
    await ageEntries(stores, stores.keys.follower("alice").notices, 3_600_000);
    expect((await open(newFollowerKey())).outcome).toBe("opened");
  });

  it("has at most 20 notices an hour for one identifier, from however many addresses", async () => {
    const results = await Promise.all(
      Array.from({ length: 30 }, (_, index) => open(newFollowerKey(), `198.51.100.${index}`)),
    );
    const outcomes = results.map(({ outcome }) => outcome);
    expect(outcomes.filter((outcome) => outcome === "opened")).toHaveLength(20);
    expect(outcomes.filter((outcome) => outcome === "identifier_limit")).toHaveLength(10);
  });

  it("joins a pending pairing even when the limits are reached", async () => {
    const id = await openId();
    for (let count = 0; count < 20; count++) await open(newFollowerKey(), `198.51.100.${count}`);
    expect((await open(newFollowerKey(), "203.0.113.1")).outcome).toBe("identifier_limit");
    expect(await open()).toMatchObject({ outcome: "joined", pairingId: id });
  });
});

describe("the notice of a pairing", () => {
  it("names the identifier, the code, the fingerprint, the address and the end", async () => {
    const opened = await open();
    if (!("pairingId" in opened)) throw new Error(opened.outcome);
    expect(await stores.pairings.notice("alice", key.fingerprint, opened.pairingId)).toEqual({
      pairingId: opened.pairingId,
      identifier: "alice",
      fingerprint: key.fingerprint,
      code: expect.stringMatching(/^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$/u),
      address: "192.0.2.1",
      expiresAt: opened.expiresAt,
    });
    expect(opened.expiresAt - opened.now).toBe(300_000);
    expect(await stores.pairings.notice("alice", key.fingerprint, "another pairing")).toBeUndefined();
    expect(await stores.pairings.notice("alice", newFollowerKey().fingerprint, opened.pairingId)).toBeUndefined();
  });

  it("once sent tells the node of the connection that came last, drops the sealed code, and is not sent again", async () => {
    const told = await stores.record(stores.keys.nodeChannel("node-b"));
    const id = await openId();
    await stores.pairings.open("alice", key.publicKey, key.fingerprint, {
      nodeId: "node-b",
      connectionId: "connection-9",
      address: "192.0.2.1",
    });
    const code = (await stores.pairings.notice("alice", key.fingerprint, id))?.code ?? "";
    expect(await Promise.all(Array.from({ length: 5 }, () => resolve(id, "sent")))).toEqual(Array(5).fill("resolved"));
    await waitFor("the node to be told", () => told.length > 0);
    expect(told).toEqual([`p connection-9 ${id} sent`]);
    expect(await stores.redis.hexists(stores.keys.pairing("alice", key.fingerprint), "sealedCode")).toBe(0);
    expect(await stores.pairings.notice("alice", key.fingerprint, id)).toBeUndefined();
    expect(await open()).toMatchObject({ outcome: "joined", notice: "sent" });
    expect((await stores.pairings.confirm("alice", key.fingerprint, code, "sealed")).outcome).toBe("paired");
  });

  it("that failed ends the pairing, tells the node, and blocks no later try", async () => {
    const told = await stores.record(stores.keys.nodeChannel("node-a"));
    for (let count = 0; count < 8; count++) {
      // More often than the 5 notices an hour: one that was not sent is not counted.
      expect(await resolve(await openId(), "failed")).toBe("resolved");
    }
    await waitFor("the node to be told", () => told.length >= 8);
    expect(told.every((text) => /^p connection-1 \S+ failed$/u.test(text))).toBe(true);
    expect(await stores.pairings.pending(10)).toEqual([]);
    expect((await stores.trust.lookup("alice", key.fingerprint)).pairing).toBeUndefined();
    expect(await auditEvents(stores, "alice")).toContain("pairing_notice_failed");
    const own = stores.keys.follower("alice");
    expect(await stores.redis.exists(own.pairings, own.notices)).toBe(0);
    expect((await open()).outcome).toBe("opened");
  });

  it("for a pairing that is over is `gone`, and leaves the pairing that took its place as it is", async () => {
    const over = await openId();
    await resolve(over, "failed");
    expect(await resolve(over, "sent")).toBe("gone");
    expect(await resolve(over, "failed")).toBe("gone");

    const next = await openId();
    expect(await resolve(over, "failed")).toBe("gone");
    expect(await stores.pairings.pending(10)).toMatchObject([{ identifier: "alice", fingerprint: key.fingerprint }]);
    expect(await stores.pairings.notice("alice", key.fingerprint, next)).toBeDefined();
    expect(await stores.redis.zcard(stores.keys.follower("alice").notices)).toBe(1);
  });

  it("sealed for one identifier does not open under another", async () => {
    await stores.trust.allow(["bob"]);
    const id = await openId();
    await stores.redis.copy(stores.keys.pairing("alice", key.fingerprint), stores.keys.pairing("bob", key.fingerprint));
    await expect(stores.pairings.notice("bob", key.fingerprint, id)).rejects.toThrow(UnsealError);
  });
});
