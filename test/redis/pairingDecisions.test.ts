import type { PairingWaiter } from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import {
  auditEvents,
  claimEpoch,
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

const HOME = "192.0.2.1";
const waiter = (changes: Partial<PairingWaiter> = {}): PairingWaiter => ({
  nodeId: "node-a",
  connectionId: "connection-1",
  address: HOME,
  ...changes,
});

const open = async (changes: Partial<PairingWaiter> = {}, from: FollowerKey = key) =>
  stores.pairings.open("alice", from.publicKey, from.fingerprint, waiter(changes));

async function openId(changes: Partial<PairingWaiter> = {}, from: FollowerKey = key): Promise<string> {
  const opened = await open(changes, from);
  if (!("pairingId" in opened)) throw new Error(opened.outcome);
  return opened.pairingId;
}

const approve = async (pairingId: string, fingerprint = key.fingerprint) =>
  (await stores.pairings.approve("alice", fingerprint, pairingId, "a test")).outcome;
const deny = async (pairingId: string, fingerprint = key.fingerprint) =>
  (await stores.pairings.deny("alice", fingerprint, pairingId, "a test")).outcome;
const grant = async (pairingId: string, changes: { address?: string; from?: FollowerKey; secret?: string } = {}) =>
  stores.pairings.grant(
    "alice",
    changes.from ?? key,
    pairingId,
    changes.address ?? HOME,
    stores.trust.sealSecret("alice", changes.secret ?? "the secret"),
  );
const codeOf = async (pairingId: string) =>
  (await stores.pairings.notice("alice", key.fingerprint, pairingId))?.code ?? "";
const confirm = async (code: string) =>
  (await stores.pairings.confirm("alice", key.fingerprint, code, stores.trust.sealSecret("alice", "by code"))).outcome;
const trust = async () => (await stores.trust.lookup("alice", undefined)).trust;
const record = () => stores.keys.pairing("alice", key.fingerprint);

describe("an approval", () => {
  it("tells the waiting node, which makes the key and a new secret the trust, once; nothing of it is pending then", async () => {
    const told = await stores.record(stores.keys.nodeChannel("node-a"));
    const pairingId = await openId();
    expect(await grant(pairingId)).toEqual({ outcome: "waiting" });
    expect(await trust()).toBeUndefined();

    expect(await approve(pairingId)).toBe("approved");
    await waitFor("the node to be told", () => told.length > 0);
    expect(told).toEqual([`p connection-1 ${pairingId} approved`]);
    expect(await stores.pairings.pending(10)).toMatchObject([{ pairingId, approvedAt: expect.any(Number) }]);
    expect(await grant(pairingId)).toMatchObject({ outcome: "paired", trustVersion: "1" });
    const paired = await trust();
    expect(paired?.publicKey).toBe(key.publicKey);
    expect(stores.trust.openSecret("alice", paired?.sealedSecret ?? "")).toBe("the secret");
    expect(await stores.pairings.pending(10)).toEqual([]);
    expect(await stores.directory.find("alice")).toMatchObject({
      paired: true,
      fingerprint: key.fingerprint,
      pendingPairings: 0,
    });
    expect(await auditEvents(stores, "alice")).toEqual(["allowed", "pairing_opened", "pairing_approved", "paired"]);
    const [paidBy, approved] = await stores.directory.audit("alice", 2);
    expect(paidBy?.details).toEqual({ fingerprint: key.fingerprint, address: HOME, by: "a test" });
    expect(approved?.details).toEqual({ fingerprint: key.fingerprint, address: HOME, by: "a test" });
  });

  it("needs no master key", async () => {
    const pairingId = await openId();
    const { PairingStore } = await import("@yonexus/protocol/redis");
    const keyless = new PairingStore(stores.redis, stores.keys);
    expect(await keyless.approve("alice", key.fingerprint, pairingId, "a test")).toEqual({ outcome: "approved" });
  });

  it("of 20 at once is one: the others read already, before and after the secret was made", async () => {
    const pairingId = await openId();
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => approve(pairingId)));
    expect(outcomes.toSorted()).toEqual([...Array(19).fill("already"), "approved"]);
    await grant(pairingId);
    expect(await approve(pairingId)).toBe("already");
    expect((await auditEvents(stores, "alice")).filter((event) => event === "pairing_approved")).toHaveLength(1);
  });

  it("said again tells the node again, in case it was not heard", async () => {
    const told = await stores.record(stores.keys.nodeChannel("node-a"));
    const pairingId = await openId();
    await approve(pairingId);
    await approve(pairingId);
    await waitFor("the node to be told twice", () => told.length === 2);
  });

  it("of a pairing that is over, or never was, is gone and changes nothing", async () => {
    const pairingId = await openId();
    await stores.redis.hset(record(), "expiresAt", await stores.now());
    expect(await approve(pairingId)).toBe("gone");
    expect(await stores.redis.hget(record(), "approvedAt")).toBeNull();
    await stores.redis.del(record());
    expect(await approve(pairingId)).toBe("gone");
    expect(await approve(pairingId, newFollowerKey().fingerprint)).toBe("gone");
    expect(await trust()).toBeUndefined();
    const entries = await stores.directory.audit("alice", 10);
    expect(entries.filter(({ event }) => event === "approval_refused").map(({ details }) => details)).toMatchObject([
      { reason: "gone", by: "a test" },
      { reason: "gone" },
      { reason: "gone" },
    ]);
  });

  it("of a pairing that another one of the same key has replaced is changed; of another key it is never taken", async () => {
    const shown = await openId();
    await stores.redis.del(record());
    const later = await openId();
    expect(await approve(shown)).toBe("changed");
    const stranger = newFollowerKey();
    const theirs = await openId({ address: "198.51.100.7" }, stranger);
    expect(await approve(theirs)).toBe("changed");
    expect(await approve(later, stranger.fingerprint)).toBe("changed");
    expect(await grant(later)).toEqual({ outcome: "waiting" });
    expect(await grant(theirs, { from: stranger, address: "198.51.100.7" })).toEqual({ outcome: "waiting" });
  });

  it("of an identifier that is not allowed is not_allowed; of one that nobody knows nothing is written", async () => {
    const pairingId = await openId();
    await stores.redis.hset(stores.keys.follower("alice").trust, "allowed", 0);
    expect(await approve(pairingId)).toBe("not_allowed");
    expect(await stores.pairings.approve("ghost", key.fingerprint, pairingId, "a test")).toEqual({
      outcome: "not_allowed",
    });
    expect(await stores.redis.exists(stores.keys.follower("ghost").audit)).toBe(0);
  });

  it.each([
    ["revoked", async () => stores.trust.clear("alice", "revoke", { disallow: true })],
    ["told to pair anew", async () => stores.trust.clear("alice", "repair", { disallow: false })],
    ["taken off the allowlist", async () => stores.trust.disallow("alice")],
  ])(
    "is void when the follower is %s before the secret is made, also when it is put back, and cannot be given after that",
    async (_, decide) => {
      const pairingId = await openId();
      await approve(pairingId);
      await decide();
      expect((await grant(pairingId)).outcome).toMatch(/^(?:expired|not_allowed)$/u);
      await stores.trust.allow(["alice"]);
      expect(await grant(pairingId)).toEqual({ outcome: "expired" });
      expect(await approve(pairingId)).toBe("gone");
      expect(await trust()).toBeUndefined();
      // Also where the operator's process died between its two steps.
      const second = await openId();
      await approve(second);
      await stores.redis.hincrby(stores.keys.follower("alice").trust, "pairingEpoch", 1);
      expect(await grant(second)).toEqual({ outcome: "expired" });
      expect(await approve(second)).toBe("gone");
      expect(await stores.pairings.pending(10)).toEqual([]);
    },
  );

  it("of a follower that is paired replaces the trust, and ends the session that the old one let in", async () => {
    const version = await pairFollower(stores, "alice", { key, secret: "old secret" });
    const epoch = await claimEpoch(stores, "alice", version);
    const told = await stores.record(stores.keys.nodeChannel("node-a"));
    const pairingId = await openId();
    await approve(pairingId);
    expect((await stores.sessions.check("alice", epoch)).outcome).toBe("owner");
    expect(await grant(pairingId)).toMatchObject({ outcome: "paired", trustVersion: String(Number(version) + 1) });
    await waitFor("the node to be told", () => told.length === 2);
    expect(told.at(-1)).toBe(`x alice ${epoch} trust_revoked`);
    const previous = (await trust())?.previousSealedSecret ?? "";
    expect(stores.trust.openSecret("alice", previous)).toBe("old secret");
  });
});

describe("the secret of an approved pairing", () => {
  it("goes to nobody who knows the public key and asks from another address than the operator was shown", async () => {
    const told = await stores.record(stores.keys.nodeChannel("node-a"));
    const elsewhere = await stores.record(stores.keys.nodeChannel("node-b"));
    const pairingId = await openId();
    const stranger = { nodeId: "node-b", connectionId: "connection-9", address: "198.51.100.7" };
    expect(await open(stranger)).toMatchObject({ outcome: "joined", pairingId });
    await approve(pairingId);
    await waitFor("the owner's node to be told", () => told.length > 0);
    expect(elsewhere).toEqual([]);
    expect(await grant(pairingId, { address: stranger.address })).toEqual({ outcome: "waiting" });
    expect(await grant(pairingId, { from: { ...key, publicKey: newFollowerKey().publicKey } })).toEqual({
      outcome: "waiting",
    });
    expect(await open(stranger)).toMatchObject({ outcome: "joined", approved: false });
    expect(await grant(pairingId)).toMatchObject({ outcome: "paired" });
  });

  it("is found by the next hello when the message was lost or the node died, and that connection is told from then on", async () => {
    const pairingId = await openId();
    await approve(pairingId);
    const told = await stores.record(stores.keys.nodeChannel("node-b"));
    expect(await open({ nodeId: "node-b", connectionId: "connection-2" })).toMatchObject({
      outcome: "joined",
      pairingId,
      approved: true,
    });
    await approve(pairingId);
    await waitFor("the new node to be told", () => told.length > 0);
    expect(told).toEqual([`p connection-2 ${pairingId} approved`]);
  });

  it("that did not arrive is made anew for the next hello, as long as nobody proved it and the pairing's time is not over", async () => {
    const pairingId = await openId();
    await approve(pairingId);
    await grant(pairingId, { secret: "lost" });
    expect(await open({ address: "198.51.100.7" }, newFollowerKey())).toMatchObject({ outcome: "opened" });
    expect(await open()).toMatchObject({ outcome: "joined", pairingId, approved: true });
    const again = await grant(pairingId, { secret: "arrived" });
    expect(again).toMatchObject({ outcome: "paired", trustVersion: "2" });
    expect(stores.trust.openSecret("alice", (await trust())?.sealedSecret ?? "")).toBe("arrived");
    expect((await trust())?.previousSealedSecret).toBeUndefined();

    await claimEpoch(stores, "alice", "2");
    expect(await grant(pairingId)).toEqual({ outcome: "expired" });
    expect(await trust()).toMatchObject({ publicKey: key.publicKey });
    const opened = await open();
    expect(opened).toMatchObject({ outcome: "opened" });
    expect("pairingId" in opened && opened.pairingId).not.toBe(pairingId);
  });

  it("that did not arrive is not made anew after the trust changed otherwise, nor for another address", async () => {
    const pairingId = await openId();
    await approve(pairingId);
    await grant(pairingId);
    expect(await open({ address: "198.51.100.7" })).toMatchObject({ outcome: "opened" });
    const second = await openId();
    await approve(second);
    await pairFollower(stores, "alice", { address: "203.0.113.5" });
    expect(await grant(pairingId)).toEqual({ outcome: "expired" });
  });
});

describe("an approval and a code", () => {
  it("pair once: after the code the approval is gone, after the approval the code is expired", async () => {
    const byCode = await openId();
    const code = await codeOf(byCode);
    expect(await confirm(code)).toBe("paired");
    expect(await approve(byCode)).toBe("gone");
    const byHand = await openId();
    const second = await codeOf(byHand);
    await approve(byHand);
    await grant(byHand);
    expect(await confirm(second)).toBe("expired");
    expect((await stores.trust.lookup("alice", undefined)).trustVersion).toBe("2");
  });

  it("that is right still pairs while the secret was not made yet", async () => {
    const pairingId = await openId();
    const code = await codeOf(pairingId);
    await approve(pairingId);
    expect(await confirm(code)).toBe("paired");
    expect(await grant(pairingId)).toEqual({ outcome: "expired" });
  });

  it("that is wrong does not end what was approved; after five no code counts, and the approval does", async () => {
    const pairingId = await openId();
    const code = await codeOf(pairingId);
    await approve(pairingId);
    for (let count = 0; count < 4; count++) expect(await confirm("0000-0000")).toBe("invalid_code");
    expect(await confirm("0000-0000")).toBe("too_many_attempts");
    expect(await confirm(code)).toBe("too_many_attempts");
    expect(await grant(pairingId)).toMatchObject({ outcome: "paired" });
  });

  it("whose notice failed does not end what was approved", async () => {
    const pairingId = await openId();
    await approve(pairingId);
    expect(await stores.pairings.resolveNotice("alice", key.fingerprint, pairingId, "failed", "x")).toBe("gone");
    expect(await stores.pairings.pending(10)).toHaveLength(1);
    expect(await grant(pairingId)).toMatchObject({ outcome: "paired" });
  });
});

describe("a refusal", () => {
  it("tells who waits, ends the pairing with its code, and is remembered: the same key opens no other for a while", async () => {
    const told = await stores.record(stores.keys.nodeChannel("node-a"));
    const pairingId = await openId();
    const code = await codeOf(pairingId);
    expect(await deny(pairingId)).toBe("denied");
    await waitFor("the node to be told", () => told.length > 0);
    expect(told).toEqual([`p connection-1 ${pairingId} denied`]);
    expect(await confirm(code)).toBe("denied");
    expect(await grant(pairingId)).toEqual({ outcome: "denied" });
    expect(await approve(pairingId)).toBe("gone");
    expect(await deny(pairingId)).toBe("gone");
    expect(await stores.pairings.notice("alice", key.fingerprint, pairingId)).toBeUndefined();
    expect(await stores.pairings.resolveNotice("alice", key.fingerprint, pairingId, "sent")).toBe("gone");
    expect(await stores.pairings.pending(10)).toEqual([]);
    expect(await stores.directory.find("alice")).toMatchObject({ paired: false, pendingPairings: 0 });
    expect((await stores.trust.lookup("alice", key.fingerprint)).pairing).toBeUndefined();
    expect(await open()).toEqual({ outcome: "denied" });
    // Another key is another follower for all we know.
    expect(await open({}, newFollowerKey())).toMatchObject({ outcome: "opened" });
    expect(await auditEvents(stores, "alice")).toEqual([
      "allowed",
      "pairing_opened",
      "pairing_denied",
      "approval_refused",
      "pairing_opened",
    ]);
  });

  it("is forgotten with its time, which is not longer than the pairing would have had, or when the trust is cleared", async () => {
    const brief = await openStores(server.url, { keys: stores.keys, limits: { refusalMs: 1 } });
    const pairingId = await openId();
    await brief.pairings.deny("alice", key.fingerprint, pairingId, "a test");
    brief.close();
    await waitFor("the refusal to be forgotten", async () => (await stores.redis.exists(record())) === 0);
    const second = await openId();
    const expiresAt = Number(await stores.redis.hget(record(), "expiresAt"));
    await deny(second);
    expect(Number(await stores.redis.hget(record(), "deniedUntil"))).toBeLessThanOrEqual(expiresAt);
    await stores.trust.clear("alice", "repair", { disallow: false });
    expect(await open()).toMatchObject({ outcome: "opened" });
  });

  it("takes back an approval whose secret was not made yet, and comes too late for one that was", async () => {
    const pairingId = await openId();
    await approve(pairingId);
    expect(await deny(pairingId)).toBe("denied");
    expect(await grant(pairingId)).toEqual({ outcome: "denied" });
    expect(await trust()).toBeUndefined();
    await stores.redis.del(record());
    const second = await openId();
    await approve(second);
    await grant(second);
    expect(await deny(second)).toBe("gone");
    expect(await trust()).toBeDefined();
  });

  it("of another pairing than the one that waits is changed; of none, or one that is void, gone", async () => {
    const shown = await openId();
    await stores.redis.del(record());
    expect(await deny(shown)).toBe("gone");
    const later = await openId();
    expect(await deny(shown)).toBe("changed");
    await stores.redis.hincrby(stores.keys.follower("alice").trust, "pairingEpoch", 1);
    expect(await deny(later)).toBe("gone");
    const entries = await stores.directory.audit("alice", 10);
    expect(entries.filter(({ event }) => event === "denial_refused").map(({ details }) => details)).toMatchObject([
      { reason: "gone", by: "a test" },
      { reason: "changed" },
      { reason: "gone" },
    ]);
  });

  it("tells both who wait under one key, at whatever addresses", async () => {
    const [home, elsewhere] = [
      await stores.record(stores.keys.nodeChannel("node-a")),
      await stores.record(stores.keys.nodeChannel("node-b")),
    ];
    const pairingId = await openId();
    await open({ nodeId: "node-b", connectionId: "connection-9", address: "198.51.100.7" });
    await deny(pairingId);
    await waitFor("both nodes to be told", () => home.length + elsewhere.length === 2);
    expect([home, elsewhere]).toEqual([[`p connection-1 ${pairingId} denied`], [`p connection-9 ${pairingId} denied`]]);
  });
});

describe("a decision of somebody who may not decide", () => {
  const tried = async () =>
    (await stores.directory.audit("alice", 100)).filter(({ details }) => details.reason === "not_the_operator");
  const attempt = (by: string, decision: "approve" | "deny" = "approve") =>
    stores.pairings.refuseDecider("alice", key.fingerprint, decision, by);

  it("is in the audit with who it was, and changes nothing of the pairing", async () => {
    const pairingId = await openId();
    const before = await stores.redis.hgetall(record());
    await attempt("discord:1");
    await attempt("discord:1", "deny");
    expect((await tried()).map(({ event, details }) => [event, details])).toEqual([
      ["denial_refused", { reason: "not_the_operator", fingerprint: key.fingerprint, by: "discord:1" }],
      ["approval_refused", { reason: "not_the_operator", fingerprint: key.fingerprint, by: "discord:1" }],
    ]);
    expect(await stores.redis.hgetall(record())).toEqual(before);
    expect(await approve(pairingId)).toBe("approved");
  });

  it("is there once, however often two of them try, so that it pushes nothing else out", async () => {
    await openId();
    for (let count = 0; count < 50; count++) {
      await attempt(`discord:${count % 2}`);
      await attempt(`discord:${count % 2}`, "deny");
    }
    expect(await tried()).toHaveLength(4);
  });

  it("about a follower that nobody knows leaves nothing behind", async () => {
    await stores.pairings.refuseDecider("nobody", key.fingerprint, "approve", "discord:1");
    expect(await stores.redis.exists(stores.keys.follower("nobody").audit)).toBe(0);
  });
});

describe("what waits", () => {
  it("is listed with what an operator decides by, soonest to expire first, and nothing secret", async () => {
    const before = await stores.now();
    const pairingId = await openId();
    const [listed] = await stores.pairings.pending(10);
    expect(listed).toEqual({
      pairingId,
      identifier: "alice",
      fingerprint: key.fingerprint,
      address: HOME,
      openedAt: expect.any(Number),
      expiresAt: expect.any(Number),
    });
    expect(listed?.openedAt).toBeGreaterThanOrEqual(before);
    expect(JSON.stringify(listed)).not.toContain(await codeOf(pairingId));
    expect(await stores.pairings.find("alice", key.fingerprint)).toEqual(listed);
    expect(await stores.pairings.find("alice", newFollowerKey().fingerprint)).toBeUndefined();
  });

  it("has an id whose beginning a person can type: small letters and digits that are not taken for others", async () => {
    expect(await openId()).toMatch(/^[0-9a-hjkmnp-tv-z]{20}$/u);
  });
});
