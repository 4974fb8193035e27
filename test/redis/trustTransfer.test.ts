import type { CarriedTrust, ImportOutcome, TrustComparison } from "@yonexus/protocol/redis";
import { TrustTransfer } from "@yonexus/protocol/redis";
import { keyFingerprint } from "@yonexus/protocol/wire";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import {
  auditEvents,
  claim,
  claimEpoch,
  newFollowerKey,
  openStores,
  pairFollower,
  type Stores,
} from "../support/stores.ts";
import { waitFor } from "../support/waitFor.ts";

let server: RedisServer;
let stores: Stores;
let transfer: TrustTransfer;
beforeAll(async () => {
  server = await startRedis({ persistent: false });
});
afterAll(() => server.stop());
beforeEach(async () => {
  stores = await openStores(server.url);
  transfer = new TrustTransfer(stores.redis, stores.keys, stores.keyring);
});
afterEach(() => stores.close());

const BY = "cli:somebody";

const paired = (identifier: string, secret = "a brought secret", pairedAt = 1_700_000_000_000): CarriedTrust => ({
  identifier,
  allowed: true,
  pairing: { publicKey: newFollowerKey().publicKey, secret, pairedAt },
});
const bring = async (trust: CarriedTrust): Promise<ImportOutcome> =>
  transfer.carryIn(trust, await transfer.compare(trust), BY);
const kindOf = async (trust: CarriedTrust): Promise<Pick<TrustComparison, "kind" | "differences">> => {
  const { kind, differences } = await transfer.compare(trust);
  return { kind, differences };
};
const carriedOut = async (): Promise<CarriedTrust[]> => {
  const all: CarriedTrust[] = [];
  for await (const trust of transfer.carryOut()) all.push(trust);
  return all;
};
const secretOf = async (identifier: string): Promise<string> => {
  const { trust } = await stores.trust.lookup(identifier, undefined);
  return stores.trust.openSecret(identifier, trust?.sealedSecret ?? "");
};

describe("trust that is carried out", () => {
  it("is the allowlist with keys and open secrets, of every follower", async () => {
    const key = newFollowerKey();
    await pairFollower(stores, "paired", { key, secret: "the secret" });
    await stores.trust.allow(["allowed", "off"]);
    await stores.trust.disallow("off");
    const pairedAt = Number(await stores.redis.hget(stores.keys.follower("paired").trust, "pairedAt"));
    expect(await carriedOut()).toEqual([
      { identifier: "allowed", allowed: true },
      { identifier: "off", allowed: false },
      { identifier: "paired", allowed: true, pairing: { publicKey: key.publicKey, secret: "the secret", pairedAt } },
    ]);
  });

  it("is complete over many pages", async () => {
    const identifiers = Array.from({ length: 451 }, (_, index) => `follower-${String(index).padStart(3, "0")}`);
    await stores.trust.allow(identifiers);
    expect((await carriedOut()).map(({ identifier }) => identifier)).toEqual(identifiers);
  });

  it("names the follower whose secret no master key opens", async () => {
    await pairFollower(stores, "alice");
    const other = await openStores(server.url, { keys: stores.keys, masterKeys: [new Uint8Array(32).fill(8)] });
    transfer = new TrustTransfer(other.redis, other.keys, other.keyring);
    await expect(carriedOut()).rejects.toThrow(/^The secret of alice cannot be read\. .*YONEXUS_MASTER_KEY/u);
    other.close();
  });
});

describe("trust that is carried in", () => {
  it("lets an unknown follower in with its key and secret, as if it had paired here", async () => {
    const trust = paired("alice");
    expect(await kindOf(trust)).toEqual({ kind: "new", differences: [] });
    expect(await bring(trust)).toEqual({ outcome: "imported" });
    expect(await secretOf("alice")).toBe("a brought secret");
    expect(await stores.directory.find("alice")).toMatchObject({
      allowed: true,
      paired: true,
      pairedAt: 1_700_000_000_000,
    });
    expect(await auditEvents(stores, "alice")).toEqual(["allowed", "trust_imported"]);
    const [last] = await stores.directory.audit("alice", 1);
    expect(last?.details).toEqual({
      fingerprint: keyFingerprint(Buffer.from(trust.pairing?.publicKey ?? "", "base64")),
      by: BY,
    });
    const { trustVersion } = await stores.trust.lookup("alice", undefined);
    expect(await claim(stores, "alice", trustVersion)).toMatchObject({ outcome: "claimed" });
  });

  it("a second time changes nothing", async () => {
    const trust = paired("alice");
    await bring(trust);
    const before = await stores.redis.hgetall(stores.keys.follower("alice").trust);
    expect(await kindOf(trust)).toEqual({ kind: "same", differences: [] });
    expect(await stores.redis.hgetall(stores.keys.follower("alice").trust)).toEqual(before);
  });

  it("never says that it was paired later than now", async () => {
    await bring(paired("alice", "a secret", 9_000_000_000_000));
    expect((await stores.directory.find("alice"))?.pairedAt).toBeLessThanOrEqual(await stores.now());
  });

  it("pairs a follower that is allowed here and not paired yet, and voids the pairing that waits", async () => {
    await stores.trust.allow(["alice"]);
    const key = newFollowerKey();
    const waiter = { nodeId: "node-a", connectionId: "c1", address: "192.0.2.1" };
    const opened = await stores.pairings.open("alice", key.publicKey, key.fingerprint, waiter);
    if (!("pairingId" in opened)) throw new Error(opened.outcome);
    const notice = await stores.pairings.notice("alice", key.fingerprint, opened.pairingId);
    const told = await stores.record(stores.keys.nodeChannel("node-a"));
    const trust = paired("alice");
    expect(await kindOf(trust)).toEqual({ kind: "paired", differences: [] });
    await bring(trust);
    const late = await stores.pairings.confirm("alice", key.fingerprint, notice?.code ?? "", "sealed");
    expect(late).toEqual({ outcome: "expired" });
    expect(await stores.pairings.approve("alice", key.fingerprint, opened.pairingId, BY)).toEqual({ outcome: "gone" });
    expect(await secretOf("alice")).toBe("a brought secret");
    await waitFor("the node to be told", () => told.length > 0);
    expect(told).toEqual([`p c1 ${opened.pairingId} void`]);
    expect(await stores.pairings.pending(10)).toEqual([]);
  });

  it("a follower that is only allowed is put on the allowlist, and keeps the trust that it has here", async () => {
    await pairFollower(stores, "alice", { secret: "its secret" });
    expect(await kindOf({ identifier: "alice", allowed: true })).toEqual({ kind: "same", differences: [] });
    expect(await kindOf({ identifier: "bob", allowed: true })).toEqual({ kind: "new", differences: [] });
    expect(await bring({ identifier: "bob", allowed: true })).toEqual({ outcome: "imported" });
    expect(await stores.directory.find("bob")).toMatchObject({ allowed: true, paired: false });
  });

  it("writes nothing of an unknown follower that may not pair and has no key", async () => {
    expect(await kindOf({ identifier: "mallory", allowed: false })).toEqual({ kind: "same", differences: [] });
  });

  const otherTrust: Record<string, () => Promise<void>> = {
    key: async () => {
      await pairFollower(stores, "alice", { secret: "a brought secret" });
    },
    cleared: async () => {
      await pairFollower(stores, "alice");
      await stores.trust.clear("alice", "repair", { disallow: false });
    },
    allowed: async () => {
      await stores.trust.allow(["alice"]);
      await stores.trust.disallow("alice");
    },
  };
  it.each(Object.entries(otherTrust))(
    "differs in %s from the trust here, and says so before anything is replaced",
    async (difference, prepare) => {
      await prepare();
      const { kind, differences } = await transfer.compare(paired("alice"));
      expect(kind).toBe("different");
      expect(differences).toContain(difference);
    },
  );

  it("tells another secret of the same key from the same secret, and from one that cannot be read", async () => {
    const trust = paired("alice");
    await bring(trust);
    const other = { ...trust, pairing: { publicKey: trust.pairing?.publicKey ?? "", secret: "another" } };
    expect(await kindOf(other)).toEqual({ kind: "different", differences: ["secret"] });
    await stores.redis.hset(stores.keys.follower("alice").trust, "sealedSecret", "v1.00000000.AAAA");
    expect(await kindOf(trust)).toEqual({ kind: "different", differences: ["unreadable"] });
  });

  it("replaces another trust and ends the session that the old one let in; its node and the watchers are told", async () => {
    const version = await pairFollower(stores, "alice", { secret: "the old secret" });
    const epoch = await claimEpoch(stores, "alice", version);
    const told = await stores.record(stores.keys.nodeChannel("node-a"));
    const events = await stores.record(stores.keys.events);
    expect(await bring(paired("alice"))).toEqual({ outcome: "imported", closedOn: "node-a" });
    expect((await stores.sessions.check("alice", epoch)).outcome).toBe("stale");
    expect(await claim(stores, "alice", version)).toMatchObject({ outcome: "trust_changed" });
    await waitFor("the node and the watchers", () => told.length > 0 && events.length > 0);
    expect(told).toEqual([`x alice ${epoch} trust_revoked`]);
    expect(JSON.parse(events[0] ?? "")).toMatchObject({ status: "offline", reason: "trust_revoked" });
    expect(await secretOf("alice")).toBe("a brought secret");
  });

  it("takes a follower off the allowlist that is off it there: its session ends and its trust stays", async () => {
    const version = await pairFollower(stores, "alice", { secret: "its secret" });
    await claimEpoch(stores, "alice", version);
    expect(await bring({ identifier: "alice", allowed: false })).toEqual({ outcome: "imported", closedOn: "node-a" });
    expect(await stores.directory.find("alice")).toMatchObject({
      allowed: false,
      paired: true,
      endReason: "identifier_not_allowed",
    });
    expect(await secretOf("alice")).toBe("its secret");
  });

  it("is an operator's word: a configuration that names the follower no longer does not take it off", async () => {
    await stores.trust.applyConfigured(["alice"], "coordinator");
    await bring(paired("alice"));
    await stores.trust.applyConfigured([], "coordinator");
    expect((await stores.directory.find("alice"))?.allowed).toBe(true);
  });

  it("is an operator's word also where it was revoked here, or is off the allowlist there", async () => {
    await stores.trust.allow(["alice", "bob"]);
    await stores.trust.disallow("alice");
    await bring(paired("alice"));
    await bring({ identifier: "bob", allowed: false });
    await stores.trust.applyConfigured(["alice", "bob"], "coordinator");
    expect(await stores.directory.find("alice")).toMatchObject({ allowed: true });
    expect(await stores.directory.find("alice")).not.toHaveProperty("revokedAt");
    expect(await stores.directory.find("bob")).toMatchObject({ allowed: false, revokedAt: expect.any(Number) });
  });

  it("does nothing when the trust changed since it was compared, whatever changed it", async () => {
    const changes = [
      () => pairFollower(stores, "alice"),
      () => stores.trust.clear("alice", "repair", { disallow: false }),
      () => stores.trust.disallow("alice"),
      () => stores.trust.allow(["alice"]),
      () => bring(paired("alice")),
    ];
    for (const change of changes) {
      const trust = paired("alice");
      const compared = await transfer.compare(trust);
      await change();
      const before = await stores.redis.hgetall(stores.keys.follower("alice").trust);
      expect(await transfer.carryIn(trust, compared, BY)).toEqual({ outcome: "changed" });
      expect(await stores.redis.hgetall(stores.keys.follower("alice").trust)).toEqual(before);
    }
  });

  it("of two that are brought at once one is there as a whole, and the other is told that it came too late", async () => {
    await stores.trust.allow(["alice"]);
    const brought = [paired("alice", "first"), paired("alice", "second")];
    const compared = await Promise.all(brought.map((trust) => transfer.compare(trust)));
    const outcomes = await Promise.all(
      brought.map((trust, index) => transfer.carryIn(trust, compared[index] as TrustComparison, BY)),
    );
    expect(outcomes.map(({ outcome }) => outcome).toSorted()).toEqual(["changed", "imported"]);
    const winner = brought[outcomes.findIndex(({ outcome }) => outcome === "imported")];
    const { trust } = await stores.trust.lookup("alice", undefined);
    expect(trust?.publicKey).toBe(winner?.pairing?.publicKey);
    expect(await secretOf("alice")).toBe(winner?.pairing?.secret);
  });

  it("while claims with the old trust come in, no session of it is left", async () => {
    for (let round = 0; round < 20; round += 1) {
      const identifier = `alice-${round}`;
      const version = await pairFollower(stores, identifier);
      const trust = paired(identifier);
      const compared = await transfer.compare(trust);
      const [claimed, brought] = await Promise.all([
        claim(stores, identifier, version),
        transfer.carryIn(trust, compared, BY),
      ]);
      expect(["claimed", "trust_changed"]).toContain(claimed.outcome);
      expect(brought.outcome).toBe("imported");
      expect((await stores.redis.hget(stores.keys.follower(identifier).session, "status")) ?? "offline").toBe(
        "offline",
      );
    }
  });

  it("refuses a key that is none before anything is written", async () => {
    const broken: CarriedTrust = {
      identifier: "alice",
      allowed: true,
      pairing: { publicKey: "nonsense", secret: "s" },
    };
    await expect(bring(broken)).rejects.toThrow(/The key of alice is no Ed25519 key/u);
    expect(await stores.redis.keys(`${stores.keys.prefix}:*`)).toEqual([]);
  });
});
