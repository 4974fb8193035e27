import { Keyring, SealedSecrets, type SealedTrust } from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { MASTER_KEY, newFollowerKey, openStores, pairFollower, type Stores } from "../support/stores.ts";

const NEW_KEY = new Uint8Array(32).fill(9);
const OLD = new Keyring([MASTER_KEY]).keyIds[0] ?? "";
const NEW = new Keyring([NEW_KEY]).keyIds[0] ?? "";
const bothKeys = new Keyring([NEW_KEY, MASTER_KEY]);

let redis: RedisServer;
/** Of a process that seals with the old key, and of one that seals with the new one and opens both. */
let before: Stores;
let after: Stores;
let secrets: SealedSecrets;
beforeAll(async () => {
  redis = await startRedis({ persistent: false });
});
afterAll(() => redis.stop());
beforeEach(async () => {
  before = await openStores(redis.url);
  after = await openStores(redis.url, { keys: before.keys, masterKeys: [NEW_KEY, MASTER_KEY] });
  secrets = new SealedSecrets(before.redis, before.keys);
});
afterEach(() => {
  before.close();
  after.close();
});

async function trusts(pageSize = 3): Promise<SealedTrust[]> {
  const found: SealedTrust[] = [];
  for await (const page of secrets.pages(pageSize)) found.push(...page);
  return found;
}

async function trustOf(identifier: string): Promise<SealedTrust> {
  const found = (await trusts()).find((each) => each.identifier === identifier);
  if (found === undefined) throw new Error(`${identifier} is not listed.`);
  return found;
}

const openNow = async (stores: Stores, identifier: string) => {
  const { trust } = await stores.trust.lookup(identifier, undefined);
  return stores.trust.openSecret(identifier, trust?.sealedSecret ?? "");
};

describe("what is sealed", () => {
  it("is found of every follower, whatever the size of a page, and of none twice", async () => {
    const names = Array.from({ length: 7 }, (_, index) => `follower-${index}`);
    for (const name of names) await pairFollower(before, name);
    await before.trust.allow(["unpaired"]);
    for (const size of [1, 3, 8, 100]) {
      expect((await trusts(size)).map(({ identifier }) => identifier)).toEqual([...names, "unpaired"]);
    }
    expect((await trustOf("unpaired")).sealedSecret).toBeUndefined();
    expect(await secrets.followerCount()).toBe(8);
  });

  it("is counted by the key that sealed it: secrets, replaced ones, and codes that wait, sent or not", async () => {
    await pairFollower(before, "alice");
    await pairFollower(before, "bob");
    await pairFollower(after, "bob");
    await after.trust.allow(["carol", "dave"]);
    const waiter = { nodeId: "n", connectionId: "c", address: "192.0.2.1" };
    const key = newFollowerKey();
    const told = await before.pairings.open("carol", key.publicKey, key.fingerprint, waiter);
    if (!("pairingId" in told)) throw new Error(told.outcome);
    await before.pairings.resolveNotice("carol", key.fingerprint, told.pairingId, "sent");
    const other = newFollowerKey();
    await after.pairings.open("dave", other.publicKey, other.fingerprint, waiter);
    const counts = await secrets.count(2);
    expect(counts.get(OLD)).toEqual({ secrets: 1, replaced: 1, codes: 1, codesUntil: told.expiresAt });
    expect(counts.get(NEW)).toMatchObject({ secrets: 1, replaced: 0, codes: 1 });
    expect(counts.size).toBe(2);
  });

  it("counts no code that is over, or was used", async () => {
    await before.trust.allow(["alice"]);
    const key = newFollowerKey();
    const waiter = { nodeId: "n", connectionId: "c", address: "192.0.2.1" };
    await before.pairings.open("alice", key.publicKey, key.fingerprint, waiter);
    await before.redis.del(before.keys.pairing("alice", key.fingerprint));
    await pairFollower(before, "bob");
    expect((await secrets.count(10)).get(OLD)?.codes).toBe(0);
  });
});

describe("a follower whose secrets are sealed anew", () => {
  it("keeps its secret, and the replaced one, its trust version and its session", async () => {
    await pairFollower(before, "alice", { secret: "the first" });
    const version = await pairFollower(before, "alice", { secret: "the second" });
    expect(await secrets.reseal(await trustOf("alice"), bothKeys)).toEqual({ outcome: "resealed", count: 2 });
    const { trust, trustVersion } = await after.trust.lookup("alice", undefined);
    expect(trustVersion).toBe(version);
    const onlyNew = await openStores(redis.url, { keys: before.keys, masterKeys: [NEW_KEY] });
    try {
      expect(onlyNew.trust.openSecret("alice", trust?.sealedSecret ?? "")).toBe("the second");
      expect(onlyNew.trust.openSecret("alice", trust?.previousSealedSecret ?? "")).toBe("the first");
    } finally {
      onlyNew.close();
    }
  });

  it("is left alone the second time, and so is one that is not paired", async () => {
    await pairFollower(before, "alice");
    await before.trust.allow(["bob"]);
    await secrets.reseal(await trustOf("alice"), bothKeys);
    const sealed = await trustOf("alice");
    expect(await secrets.reseal(sealed, bothKeys)).toEqual({ outcome: "current", count: 0 });
    expect(await trustOf("alice")).toEqual(sealed);
    expect(await secrets.reseal(await trustOf("bob"), bothKeys)).toEqual({ outcome: "current", count: 0 });
  });

  it("that was paired anew since it was read keeps the new secret, which is then sealed anew itself", async () => {
    await pairFollower(before, "alice", { secret: "the first" });
    const read = await trustOf("alice");
    await pairFollower(before, "alice", { secret: "the second" });
    expect((await secrets.reseal(read, bothKeys)).outcome).toBe("resealed");
    expect(await openNow(after, "alice")).toBe("the second");
    expect((await secrets.count(10)).get(OLD)).toBeUndefined();
  });

  it("that was revoked since it was read stays without a secret", async () => {
    await pairFollower(before, "alice");
    const read = await trustOf("alice");
    await before.trust.clear("alice", "of this test", { disallow: true });
    await secrets.reseal(read, bothKeys);
    expect((await trustOf("alice")).sealedSecret).toBeUndefined();
  });

  it("by a node that it authenticates at and by the operator at once is sealed once, and can be opened", async () => {
    await pairFollower(before, "alice", { secret: "shared" });
    const read = await trustOf("alice");
    await Promise.all([
      after.trust.resealIfOld("alice", read.version, read.sealedSecret ?? "", "shared"),
      secrets.reseal(read, bothKeys),
      secrets.reseal(read, bothKeys),
    ]);
    expect(await openNow(after, "alice")).toBe("shared");
    expect((await secrets.count(10)).get(OLD)).toBeUndefined();
  });

  it("with a key that is not there, or a secret that is damaged, is told, and nothing of it is changed", async () => {
    await pairFollower(before, "alice");
    await pairFollower(before, "bob");
    const { trust } = before.keys.follower("bob");
    const sealed = (await before.redis.hget(trust, "sealedSecret")) ?? "";
    await before.redis.hset(trust, "sealedSecret", `${sealed.slice(0, -6)}AAAAAA`);
    const read = await trusts();
    expect(await secrets.reseal(await trustOf("alice"), new Keyring([NEW_KEY]))).toEqual({
      outcome: "current",
      count: 0,
      unreadable: { keyId: OLD, why: "key_missing" },
    });
    expect(await secrets.reseal(await trustOf("bob"), bothKeys)).toMatchObject({
      unreadable: { keyId: OLD, why: "damaged" },
    });
    expect(await trusts()).toEqual(read);
  });
});
