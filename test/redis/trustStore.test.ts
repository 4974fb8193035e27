import { UnsealError } from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import {
  auditEvents,
  claimEpoch,
  MASTER_KEY,
  newFollowerKey,
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

const lookup = (identifier: string) => stores.trust.lookup(identifier, undefined);
const apply = (identifiers: readonly string[], source = "coordinator") =>
  stores.trust.applyConfigured(identifiers, source);

describe("the allowlist", () => {
  it("answers which identifiers were new to it", async () => {
    expect(await stores.trust.allow(["alice", "bob"])).toEqual(["alice", "bob"]);
    expect(await stores.trust.allow(["bob", "carol"])).toEqual(["carol"]);
    expect(await stores.trust.allow([])).toEqual([]);
    expect(await lookup("alice")).toMatchObject({ allowed: true, trustVersion: "0" });
    expect(await lookup("mallory")).toMatchObject({ allowed: false });
  });

  it("loses an identifier: its session ends, its node is told, its trust stays for when it is allowed again", async () => {
    const version = await pairFollower(stores, "alice");
    const told = await stores.record(stores.keys.nodeChannel("node-a"));
    const events = await stores.record(stores.keys.events);
    const epoch = await claimEpoch(stores, "alice", version);
    expect(await stores.trust.disallow("alice")).toEqual({ changed: true, closedOn: "node-a" });
    expect(await stores.trust.disallow("alice")).toEqual({ changed: false });
    expect((await stores.sessions.check("alice", epoch)).outcome).toBe("stale");
    expect(await stores.sessions.beat("alice", epoch)).toEqual({ outcome: "stale" });
    await waitFor("the node to be told", () => told.length > 0 && events.length > 1);
    expect(told).toEqual([`x alice ${epoch} identifier_not_allowed`]);
    expect(JSON.parse(events[1] ?? "")).toMatchObject({ status: "offline", reason: "identifier_not_allowed" });
    expect(await auditEvents(stores, "alice")).toContain("disallowed");

    await stores.trust.allow(["alice"]);
    expect((await lookup("alice")).trustVersion).toBe(version);
    expect(await claimEpoch(stores, "alice", version)).toBeGreaterThan(epoch);
  });

  it("writes nothing of an identifier that was never on it when it is taken off", async () => {
    expect(await stores.trust.disallow("mallory")).toEqual({ changed: false });
    expect(await stores.redis.keys(`${stores.keys.prefix}:*`)).toEqual([]);
  });

  it("follows the configuration: adds what it names, and takes off only what an earlier one had added", async () => {
    await stores.trust.allow(["by-hand", "both"]);
    expect(await apply(["alice", "bob", "both"])).toEqual({
      added: ["alice", "bob"],
      removed: [],
    });
    expect(await apply(["alice", "bob", "both"])).toEqual({ added: [], removed: [] });
    expect(await apply(["bob"])).toEqual({ added: [], removed: ["alice"] });
    expect(await apply([])).toEqual({ added: [], removed: ["bob"] });
    for (const identifier of ["by-hand", "both"]) expect((await lookup(identifier)).allowed).toBe(true);
    for (const identifier of ["alice", "bob"]) expect((await lookup(identifier)).allowed).toBe(false);
  });

  it("keeps out whom an operator took off, however often configurations name it, until an operator allows it", async () => {
    await stores.trust.allow(["by-hand"]);
    const configured = ["revoked", "removed", "by-hand", "kept"];
    await apply(configured);
    await stores.trust.clear("revoked", "revoke", { disallow: true });
    await stores.trust.disallow("removed");
    await stores.trust.disallow("by-hand");
    for (let start = 0; start < 3; start++) {
      expect(await apply(configured)).toEqual({ added: [], removed: [] });
    }
    for (const identifier of ["revoked", "removed", "by-hand"]) expect((await lookup(identifier)).allowed).toBe(false);
    expect((await lookup("kept")).allowed).toBe(true);

    expect(await stores.trust.allow(["removed"])).toEqual(["removed"]);
    expect(await apply(["kept"])).toEqual({ added: [], removed: [] });
    expect((await lookup("removed")).allowed).toBe(true);
    expect(await apply(configured)).toEqual({ added: [], removed: [] });
    for (const identifier of ["revoked", "by-hand"]) expect((await lookup(identifier)).allowed).toBe(false);
    expect(await stores.trust.allow(["revoked"])).toEqual(["revoked"]);
  });

  it("leaves on it what an operator allowed while the configuration named it, when that names it no longer", async () => {
    await apply(["alice", "bob"]);
    expect(await stores.trust.allow(["alice"])).toEqual([]);
    expect(await apply([])).toEqual({ added: [], removed: ["bob"] });
    expect((await lookup("alice")).allowed).toBe(true);
  });

  it("follows the configuration also after a start that was stopped at any point", async () => {
    const { configuredFollowers } = stores.keys;
    // Stopped after the index was written.
    await stores.redis.sadd(configuredFollowers, "alice");
    expect(await apply(["alice"])).toEqual({ added: ["alice"], removed: [] });
    // Stopped before the index was shortened.
    await apply([]);
    await stores.redis.sadd(configuredFollowers, "alice");
    expect(await apply(["alice"])).toEqual({ added: ["alice"], removed: [] });
    await apply([]);
    await stores.redis.sadd(configuredFollowers, "alice");
    await stores.trust.allow(["alice"]);
    expect(await apply([])).toEqual({ added: [], removed: [] });
    expect((await lookup("alice")).allowed).toBe(true);
    expect(await stores.redis.exists(configuredFollowers)).toBe(0);
  });

  it("is the same after 10 processes applied one configuration at once", async () => {
    const applied = await Promise.all(Array.from({ length: 10 }, () => apply(["alice", "bob"])));
    expect(applied.flatMap(({ added }) => added).toSorted()).toEqual(["alice", "bob"]);
    expect((await apply([])).removed.toSorted()).toEqual(["alice", "bob"]);
  });
});

describe("the trust", () => {
  it("cleared by the operator is gone, raises the version and ends the live session once", async () => {
    const version = await pairFollower(stores, "alice");
    const told = await stores.record(stores.keys.nodeChannel("node-a"));
    const epoch = await claimEpoch(stores, "alice", version);
    expect(await stores.trust.clear("alice", "operator", { disallow: false })).toEqual({
      known: true,
      wasPaired: true,
      allowed: true,
      closedOn: "node-a",
    });
    expect(await stores.trust.clear("alice", "operator", { disallow: false })).toEqual({
      known: true,
      wasPaired: false,
      allowed: true,
    });
    const now = await lookup("alice");
    expect(now).not.toHaveProperty("trust");
    expect(now.allowed).toBe(true);
    expect(Number(now.trustVersion)).toBeGreaterThan(Number(version));
    expect((await stores.sessions.check("alice", epoch)).outcome).toBe("stale");
    await waitFor("the node to be told", () => told.length > 0);
    expect(told).toEqual([`x alice ${epoch} trust_revoked`]);
    expect(await stores.directory.find("alice")).toMatchObject({ paired: false, trustClearedReason: "operator" });
  });

  it("cleared with `disallow` takes the identifier off the allowlist too", async () => {
    await pairFollower(stores, "alice");
    expect(await stores.trust.clear("alice", "operator", { disallow: true })).toMatchObject({ allowed: false });
    expect((await lookup("alice")).allowed).toBe(false);
    // Cleared once more it may not pair again, for all that it is known.
    expect(await stores.trust.clear("alice", "operator", { disallow: false })).toEqual({
      known: true,
      wasPaired: false,
      allowed: false,
    });
  });

  it("of an unknown identifier cannot be cleared, and nothing is written", async () => {
    expect(await stores.trust.clear("mallory", "operator", { disallow: true })).toEqual({
      known: false,
      wasPaired: false,
      allowed: false,
    });
    expect(await stores.redis.keys(`${stores.keys.prefix}:*`)).toEqual([]);
  });

  it("is read with the follower's own secret, the one before it, and the pending pairing of the key in the hello", async () => {
    const key = newFollowerKey();
    await pairFollower(stores, "alice", { key, secret: "first secret" });
    await pairFollower(stores, "alice", { key, secret: "second secret" });
    const { trust } = await lookup("alice");
    expect(trust?.publicKey).toBe(key.publicKey);
    expect(stores.trust.openSecret("alice", trust?.sealedSecret ?? "")).toBe("second secret");
    expect(stores.trust.openSecret("alice", trust?.previousSealedSecret ?? "")).toBe("first secret");

    const waiter = { nodeId: "node-a", connectionId: "connection-1", address: "192.0.2.1" };
    const opened = await stores.pairings.open("alice", key.publicKey, key.fingerprint, waiter);
    expect(await stores.trust.lookup("alice", key.fingerprint)).toMatchObject({
      pairing: { pairingId: "pairingId" in opened ? opened.pairingId : "", notice: "pending" },
    });
    expect(await stores.trust.lookup("alice", newFollowerKey().fingerprint)).not.toHaveProperty("pairing");
    expect(await lookup("alice")).not.toHaveProperty("pairing");
  });
});

describe("a shared secret at rest", () => {
  it("does not open under another identifier or another master key", async () => {
    await pairFollower(stores, "alice", { secret: "of alice" });
    const sealed = (await lookup("alice")).trust?.sealedSecret ?? "";
    expect(() => stores.trust.openSecret("bob", sealed)).toThrow(UnsealError);
    const stranger = await openStores(server.url, { keys: stores.keys, masterKeys: [new Uint8Array(32).fill(9)] });
    expect(() => stranger.trust.openSecret("alice", sealed)).toThrow(UnsealError);
    stranger.close();
  });

  it("is sealed anew with the current master key, so that the old one can be dropped", async () => {
    const version = await pairFollower(stores, "alice", { secret: "of alice" });
    const newKey = new Uint8Array(32).fill(8);
    const rotated = await openStores(server.url, { keys: stores.keys, masterKeys: [newKey, MASTER_KEY] });
    const sealed = (await lookup("alice")).trust?.sealedSecret ?? "";
    const secret = rotated.trust.openSecret("alice", sealed);
    await Promise.all(Array.from({ length: 5 }, () => rotated.trust.resealIfOld("alice", version, sealed, secret)));
    rotated.close();

    const later = await openStores(server.url, { keys: stores.keys, masterKeys: [newKey] });
    const anew = (await later.trust.lookup("alice", undefined)).trust?.sealedSecret ?? "";
    expect(anew).not.toBe(sealed);
    expect(later.trust.openSecret("alice", anew)).toBe("of alice");
    await later.trust.resealIfOld("alice", version, anew, "of alice");
    expect((await lookup("alice")).trust?.sealedSecret).toBe(anew);
    later.close();
  });

  it("is not sealed anew over a trust that changed meanwhile", async () => {
    const version = await pairFollower(stores, "alice", { secret: "old" });
    const sealed = (await lookup("alice")).trust?.sealedSecret ?? "";
    await pairFollower(stores, "alice", { secret: "new" });
    const rotated = await openStores(server.url, {
      keys: stores.keys,
      masterKeys: [new Uint8Array(32).fill(8), MASTER_KEY],
    });
    await rotated.trust.resealIfOld("alice", version, sealed, "old");
    rotated.close();
    expect(stores.trust.openSecret("alice", (await lookup("alice")).trust?.sealedSecret ?? "")).toBe("new");
  });
});
