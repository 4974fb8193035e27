import { createFollower, createMemoryState, FollowerStoppedError } from "@yonexus/protocol/client";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { FollowerIdentity, RawFollower } from "../support/rawFollower.ts";
import { redisContents } from "../support/redisContents.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { auditEvents } from "../support/stores.ts";
import { TestCluster } from "../support/testCluster.ts";
import type { TestNode } from "../support/testNode.ts";
import { waitFor } from "../support/waitFor.ts";

let redis: RedisServer;
let cluster: TestCluster;
let node: TestNode;
beforeAll(async () => {
  redis = await startRedis({ persistent: false });
});
afterAll(() => redis.stop());
beforeEach(async () => {
  cluster = await TestCluster.open(redis.url);
  node = await cluster.startNode();
});
afterEach(() => cluster.stop());

/** A connection whose pairing the admin was told of. */
async function waiting(identity: FollowerIdentity, on = node): Promise<{ follower: RawFollower; code: string }> {
  const follower = await cluster.connect(on);
  follower.hello(identity);
  const code = await cluster.resolveNotice(identity);
  await follower.next("pair_request");
  return { follower, code };
}

async function pairingOf({ identifier, fingerprint }: FollowerIdentity) {
  return waitFor(`the pairing of ${identifier}`, () => cluster.stores.pairings.find(identifier, fingerprint));
}

async function decide(identity: FollowerIdentity, what: "approve" | "deny"): Promise<string> {
  const { identifier, fingerprint, pairingId } = await pairingOf(identity);
  return (await cluster.stores.pairings[what](identifier, fingerprint, pairingId, "a test")).outcome;
}

async function logInWith(follower: RawFollower, identity: FollowerIdentity): Promise<void> {
  identity.secret = (await follower.next("pair_success")).payload.secret;
  follower.sendBuiltin("auth_request", identity.prove(), "auth-1");
  await follower.next("auth_success");
}

const trustOf = async (identifier: string) => (await cluster.stores.trust.lookup(identifier, undefined)).trust;

describe("an approval", () => {
  it("gives the waiting follower its secret at once, without a code, on whatever node it is", async () => {
    const alice = await cluster.newFollower("alice");
    const other = await cluster.startNode();
    const { follower } = await waiting(alice, other);
    expect(await decide(alice, "approve")).toBe("approved");
    await logInWith(follower, alice);
    expect(follower.types).toEqual(["hello_ack", "pair_request", "pair_success", "auth_success"]);
    expect(await cluster.status("alice")).toBe("online");
    expect(await auditEvents(cluster.stores, "alice")).toEqual([
      "allowed",
      "pairing_opened",
      "pairing_approved",
      "paired",
      "online",
    ]);
  });

  it("leaves the secret that it makes readable nowhere: not in Redis, not in a log, not on a channel", async () => {
    const alice = await cluster.newFollower("alice");
    const told = await cluster.stores.record(cluster.stores.keys.nodeChannel(node.nodeId));
    const { follower, code } = await waiting(alice);
    await decide(alice, "approve");
    const { secret } = (await follower.next("pair_success")).payload;
    const written = [...[...(await redisContents(cluster.stores))].flat(), ...node.log, ...told].join("\n");
    expect(written).toContain(alice.fingerprint);
    for (const text of [secret, Buffer.from(secret, "base64").toString("hex"), code, code.replace("-", "")]) {
      expect(written.includes(text), "a secret was written").toBe(false);
    }
  });

  it("that comes before the admin was told announces the pairing first, and pairs", async () => {
    const alice = await cluster.newFollower("alice");
    const follower = await cluster.connect(node);
    follower.hello(alice);
    expect(await decide(alice, "approve")).toBe("approved");
    await logInWith(follower, alice);
    expect(follower.types).toEqual(["hello_ack", "pair_request", "pair_success", "auth_success"]);
  });

  it("while nobody waits is kept for the next hello of that key, on another node after the first was killed", async () => {
    const doomed = await cluster.startNodeProcess();
    const alice = await cluster.newFollower("alice");
    const first = await cluster.connect(doomed);
    first.hello(alice);
    await pairingOf(alice);
    doomed.signal("SIGKILL");
    await first.closed();
    expect(await decide(alice, "approve")).toBe("approved");

    const second = await cluster.connect(node);
    second.hello(alice);
    expect((await second.next("hello_ack")).payload.nextAction).toBe("waiting_pair_confirm");
    await logInWith(second, alice);
    expect(second.types).toEqual(["hello_ack", "pair_request", "pair_success", "auth_success"]);
  });

  it("whose secret was lost with its connection is made good by the next hello of that key", async () => {
    const alice = await cluster.newFollower("alice");
    const { follower } = await waiting(alice);
    expect(await decide(alice, "approve")).toBe("approved");
    const lost = (await follower.next("pair_success")).payload.secret;
    follower.terminate();

    const again = await cluster.connect(node);
    again.hello(alice);
    await logInWith(again, alice);
    expect(alice.secret).not.toBe(lost);
    expect((await auditEvents(cluster.stores, "alice")).filter((event) => event === "pairing_approved")).toHaveLength(
      1,
    );

    // Proved once, it is over: who says that the secret is gone needs an operator again.
    alice.secret = undefined;
    const third = await cluster.connect(node);
    third.hello(alice);
    expect((await third.next("hello_ack")).payload.nextAction).toBe("pair_required");
    await pairingOf(alice);
    expect(third.types).not.toContain("pair_success");
    expect(again.isOpen).toBe(true);
  });

  it("gives nothing to who knows the public key and asks from another address than was shown, not even with the next hello", async () => {
    const behind = await cluster.startNode({ YONEXUS_TRUSTED_PROXIES: "127.0.0.1" });
    const from = (address: string) => ({ headers: { "x-forwarded-for": address } });
    const alice = await cluster.newFollower("alice");
    const owner = await cluster.connect(behind, from("192.0.2.1"));
    owner.hello(alice);
    expect((await pairingOf(alice)).address).toBe("192.0.2.1");
    owner.terminate();
    const thief = await cluster.connect(behind, from("198.51.100.7"));
    thief.hello(alice);
    await cluster.resolveNotice(alice);
    await thief.next("pair_request");
    expect(await decide(alice, "approve")).toBe("approved");

    // The owner's next hello is answered with the secret, and the thief's place is taken by it.
    const back = await cluster.connect(behind, from("192.0.2.1"));
    back.hello(alice);
    await logInWith(back, alice);
    expect((await thief.closed()).code).toBe(4001);
    expect(thief.types).not.toContain("pair_success");
  });

  it("and a code at once pair once; the code that crossed it is not a violation", async () => {
    for (let round = 0; round < 5; round++) {
      const alice = await cluster.newFollower(`alice${round}`);
      const { follower, code } = await waiting(alice);
      const { identifier, fingerprint, pairingId } = await pairingOf(alice);
      const decided = cluster.stores.pairings.approve(identifier, fingerprint, pairingId, "a test");
      follower.sendBuiltin("pair_confirm", { identifier: alice.identifier, pairingCode: code }, "confirm-1");
      await logInWith(follower, alice);
      expect(["approved", "already", "gone"]).toContain((await decided).outcome);
      expect(follower.types).toEqual(["hello_ack", "pair_request", "pair_success", "auth_success"]);
      expect((await cluster.stores.trust.lookup(alice.identifier, undefined)).trustVersion).toBe("1");
    }
  });

  it("pairs a paired follower that lost its secret anew, and its old session lives until then", async () => {
    const alice = await cluster.pairedFollower("alice");
    const old = await cluster.logIn(node, alice);
    alice.secret = undefined;
    const { follower } = await waiting(alice);
    expect(old.isOpen).toBe(true);
    expect(await decide(alice, "approve")).toBe("approved");
    await logInWith(follower, alice);
    expect((await old.next("re_pair_required")).payload.reason).toBe("trust_revoked");
    expect((await old.closed()).code).toBe(4510);
  });

  it("after a revocation lets nobody in", async () => {
    const alice = await cluster.newFollower("alice");
    const { follower } = await waiting(alice);
    const { identifier, fingerprint, pairingId } = await pairingOf(alice);
    await cluster.stores.trust.clear("alice", "revoke", { disallow: true });
    expect((await follower.next("pair_failed")).payload.reason).toBe("expired");
    expect(await cluster.stores.pairings.approve(identifier, fingerprint, pairingId, "a test")).toEqual({
      outcome: "not_allowed",
    });
    expect(await trustOf("alice")).toBeUndefined();
  });

  it("reaches a follower of the library: it connects by itself, and no code is asked for any more", async () => {
    const state = createMemoryState();
    await cluster.stores.trust.allow(["edge"]);
    const follower = createFollower({ url: node.url, identifier: "edge", state });
    const asked = new Promise<string>((resolve) => follower.on("pairing", (pairing) => resolve(pairing.fingerprint)));
    const connected = follower.connect();
    const fingerprint = await asked;
    const found = await cluster.stores.pairings.find("edge", fingerprint);
    await cluster.stores.pairings.approve("edge", fingerprint, found?.pairingId ?? "", "a test");
    await connected;
    expect(await cluster.status("edge")).toBe("online");
    await follower.close();
  });
});

describe("a refusal", () => {
  it("is told who waits as rejected_by_admin, and closes with a code that says stop", async () => {
    const alice = await cluster.newFollower("alice");
    const { follower, code } = await waiting(alice);
    expect(await decide(alice, "deny")).toBe("denied");
    expect((await follower.next("pair_failed")).payload).toEqual({ identifier: "alice", reason: "rejected_by_admin" });
    await follower.next("disconnect_notice");
    expect((await follower.closed()).code).toBe(4503);

    // Who missed it hears it with the next hello, and no operator is asked again.
    const again = await cluster.connect(node);
    again.hello(alice);
    expect((await again.next("pair_failed")).payload.reason).toBe("rejected_by_admin");
    expect((await again.closed()).code).toBe(4503);
    expect(await auditEvents(cluster.stores, "alice")).toEqual(["allowed", "pairing_opened", "pairing_denied"]);
    expect(JSON.stringify(again.received)).not.toContain(code);
  });

  it("is the answer to a code that was typed meanwhile", async () => {
    const alice = await cluster.newFollower("alice");
    const { follower, code } = await waiting(alice);
    // As it stands when the node was not told.
    await cluster.stores.redis.hset(
      cluster.stores.keys.pairing("alice", alice.fingerprint),
      "deniedUntil",
      (await cluster.stores.now()) + 60_000,
    );
    follower.sendBuiltin("pair_confirm", { identifier: "alice", pairingCode: code }, "confirm-1");
    expect(await follower.next("pair_failed")).toMatchObject({
      requestId: "confirm-1",
      payload: { reason: "rejected_by_admin" },
    });
    expect(await trustOf("alice")).toBeUndefined();
  });

  it("stops a follower of the library with what to do", async () => {
    await cluster.stores.trust.allow(["edge"]);
    const follower = createFollower({ url: node.url, identifier: "edge", state: createMemoryState() });
    const asked = new Promise<string>((resolve) => follower.on("pairing", (pairing) => resolve(pairing.fingerprint)));
    const connected = follower.connect().catch((error: unknown) => error);
    const fingerprint = await asked;
    const found = await cluster.stores.pairings.find("edge", fingerprint);
    await cluster.stores.pairings.deny("edge", fingerprint, found?.pairingId ?? "", "a test");
    const error = await connected;
    expect(error).toBeInstanceOf(FollowerStoppedError);
    expect(error).toMatchObject({ code: "pairing_rejected", whatToDo: expect.stringContaining("Ask the admin why") });
    await follower.close();
  });
});
