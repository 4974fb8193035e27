import { QUEUE_NAMES } from "@yonexus/protocol/redis";
import { Queue } from "bullmq";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { FollowerIdentity, type RawFollower } from "../support/rawFollower.ts";
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

/** A connection whose pairing the admin was told of, and the code. */
async function waiting(
  identity: FollowerIdentity,
  on: TestNode = node,
): Promise<{ follower: RawFollower; code: string }> {
  const follower = await cluster.connect(on);
  follower.hello(identity);
  const code = await cluster.resolveNotice(identity);
  await follower.next("pair_request");
  return { follower, code };
}

async function confirm(follower: RawFollower, identifier: string, pairingCode: string) {
  follower.sendBuiltin("pair_confirm", { identifier, pairingCode }, "confirm");
  return follower.next("pair_failed");
}

const trustOf = async (identifier: string) => (await cluster.stores.trust.lookup(identifier, undefined)).trust;

async function notices() {
  const connection = await cluster.stores.open("producer");
  const queue = new Queue(QUEUE_NAMES.notices, { connection, prefix: cluster.stores.keys.queuePrefix });
  const jobs = await queue.getJobs();
  await queue.close();
  return jobs.map(({ data }) => data as Record<string, unknown>);
}

describe("the code", () => {
  it("is taken as a person types it: any case, spaces, other hyphens, O for 0 and I or L for 1", async () => {
    const alice = await cluster.newFollower("alice");
    const { follower, code } = await waiting(alice);
    const typed = ` ${code.toLowerCase().replace("-", " – ").replaceAll("0", "o").replaceAll("1", "l")} `;
    await follower.pair(alice, typed);
  });

  it("that is wrong leaves the pairing open four times; the fifth ends it, and a new hello opens another", async () => {
    const alice = await cluster.newFollower("alice");
    const { follower, code } = await waiting(alice);
    for (const wrong of ["AAAA-AAAA", "not a code at all", "7K3M-9QX", "ÄÖÜ"]) {
      expect(await confirm(follower, "alice", wrong)).toMatchObject({
        requestId: "confirm",
        payload: { identifier: "alice", reason: "invalid_code" },
      });
    }
    expect((await confirm(follower, "alice", "BBBB-BBBB")).payload.reason).toBe("too_many_attempts");
    expect(await follower.closed()).toEqual({ code: 4029, reason: "rate_limited" });
    expect(await auditEvents(cluster.stores, "alice")).toContain("pairing_tries_used_up");

    const again = await waiting(alice);
    expect(again.code).not.toBe(code);
    expect((await confirm(again.follower, "alice", code)).payload.reason).toBe("invalid_code");
    await again.follower.pair(alice, again.code);
  });

  it("that is right after four wrong ones pairs", async () => {
    const alice = await cluster.newFollower("alice");
    const { follower, code } = await waiting(alice);
    for (let count = 0; count < 4; count++) await confirm(follower, "alice", "AAAA-AAAA");
    await follower.pair(alice, code);
  });

  it("that comes after the pairing's time is answered expired and 4001", async () => {
    const alice = await cluster.newFollower("alice");
    const { follower, code } = await waiting(alice);
    await cluster.stores.redis.hset(cluster.stores.keys.pairing("alice", alice.fingerprint), "expiresAt", 1);
    expect((await confirm(follower, "alice", code)).payload.reason).toBe("expired");
    expect(await follower.closed()).toEqual({ code: 4001, reason: "handshake_timeout" });
    expect(await trustOf("alice")).toBeUndefined();
  });

  it("that comes after the identifier left the allowlist pairs nobody", async () => {
    const alice = await cluster.newFollower("alice");
    const { follower, code } = await waiting(alice);
    // As it stands when the pairing was not ended yet.
    await cluster.stores.redis.hset(cluster.stores.keys.follower("alice").trust, "allowed", 0);
    expect((await confirm(follower, "alice", code)).payload.reason).toBe("identifier_not_allowed");
    expect(await follower.closed()).toEqual({ code: 4503, reason: "identifier_not_allowed" });
  });

  it("of before the identifier was revoked and allowed again pairs nobody: who waits is told expired and 4001 at once", async () => {
    const alice = await cluster.newFollower("alice");
    const { follower, code } = await waiting(alice);
    await cluster.stores.trust.clear("alice", "revoke", { disallow: true });
    await cluster.stores.trust.allow(["alice"]);
    expect((await follower.next("pair_failed")).payload.reason).toBe("expired");
    expect(await follower.closed()).toEqual({ code: 4001, reason: "handshake_timeout" });
    const again = await waiting(alice);
    expect((await confirm(again.follower, "alice", code)).payload.reason).toBe("invalid_code");
    await again.follower.pair(alice, again.code);
  });

  it("of before the trust was cleared by hand is answered expired and 4001 when the node was not told", async () => {
    const alice = await cluster.newFollower("alice");
    const { follower, code } = await waiting(alice);
    await cluster.stores.redis.hincrby(cluster.stores.keys.follower("alice").trust, "pairingEpoch", 1);
    expect((await confirm(follower, "alice", code)).payload.reason).toBe("expired");
    expect(await follower.closed()).toEqual({ code: 4001, reason: "handshake_timeout" });
    expect(await trustOf("alice")).toBeUndefined();
  });
});

describe("the notice", () => {
  it("is one job that names the pairing and holds nothing of it", async () => {
    const alice = await cluster.newFollower("alice");
    const { code } = await waiting(alice);
    const jobs = await notices();
    expect(jobs).toEqual([
      { kind: "pairing", identifier: "alice", fingerprint: alice.fingerprint, pairingId: expect.any(String) },
    ]);
    expect(JSON.stringify(jobs)).not.toContain(code);
  });

  it("that failed ends the pairing with admin_notification_failed and 4003, and stands in nobody's way", async () => {
    const alice = await cluster.newFollower("alice");
    for (let count = 0; count < 3; count++) {
      const follower = await cluster.connect(node);
      follower.hello(alice);
      await cluster.resolveNotice(alice, "failed");
      expect((await follower.next("pair_failed")).payload.reason).toBe("admin_notification_failed");
      expect(await follower.closed()).toEqual({ code: 4003, reason: "auth_failed" });
    }
    const { follower, code } = await waiting(alice);
    await follower.pair(alice, code);
  });
});

describe("a pairing", () => {
  it("goes on when the follower comes back on another node: joined, no second code, no second notice", async () => {
    const alice = await cluster.newFollower("alice");
    const other = await cluster.startNode();
    const first = await cluster.connect(node);
    first.hello(alice);
    const { code, pairingId } = await cluster.pairingCode(alice);
    first.terminate();

    const second = await cluster.connect(other);
    second.hello(alice);
    expect((await second.next("hello_ack")).payload.nextAction).toBe("waiting_pair_confirm");
    expect(await cluster.pairingCode(alice)).toEqual({ code, pairingId });
    await cluster.resolveNotice(alice);
    expect((await second.next("pair_request")).payload.adminNotification).toBe("sent");
    expect(await notices()).toHaveLength(1);

    const third = await cluster.connect(node);
    third.hello(alice);
    expect((await third.next("pair_request")).payload.adminNotification).toBe("sent");
    await third.pair(alice, code);
    expect((await auditEvents(cluster.stores, "alice")).filter((event) => event === "pairing_opened")).toHaveLength(1);
  });

  it("of another key is its own: a stranger can neither use nor end that of the owner", async () => {
    const alice = await cluster.newFollower("alice");
    const stranger = new FollowerIdentity("alice");
    const own = await waiting(alice);
    const theirs = await waiting(stranger);
    expect(theirs.code).not.toBe(own.code);
    expect((await confirm(theirs.follower, "alice", own.code)).payload.reason).toBe("invalid_code");
    for (let count = 0; count < 4; count++) await confirm(theirs.follower, "alice", "AAAA-AAAA");
    expect((await theirs.follower.closed()).code).toBe(4029);
    await own.follower.pair(alice, own.code);
    expect((await trustOf("alice"))?.publicKey).toBe(alice.publicKey);
  });

  it("beyond three that wait from one address is answered too_many_attempts and 4029, and the operator is told once", async () => {
    await cluster.newFollower("alice");
    for (let count = 0; count < 3; count++) await waiting(new FollowerIdentity("alice"));
    for (let count = 0; count < 2; count++) {
      const refused = await cluster.connect(node);
      refused.hello(new FollowerIdentity("alice"));
      expect((await refused.next("pair_failed")).payload.reason).toBe("too_many_attempts");
      expect((await refused.closed()).code).toBe(4029);
    }
    const limits = (await notices()).filter(({ kind }) => kind === "limit");
    expect(limits).toEqual([{ kind: "limit", identifier: "alice", address: "127.0.0.1", limit: "pending_limit" }]);
  });

  it("beyond the node's pool of those that wait is answered OVERLOADED and 4013, and others still come in", async () => {
    const small = await cluster.startNode({ YONEXUS_MAX_PENDING_PAIRINGS: "2" });
    const [first, second, third] = [
      await cluster.newFollower("first"),
      await cluster.newFollower("second"),
      await cluster.newFollower("third"),
    ];
    const place = await waiting(first, small);
    await waiting(second, small);
    const refused = await cluster.connect(small);
    refused.hello(third);
    expect((await refused.next("error")).payload.code).toBe("OVERLOADED");
    expect(await refused.closed()).toEqual({ code: 4013, reason: "overloaded" });
    // Nothing was opened for it, and nobody is told.
    expect((await notices()).map(({ identifier }) => identifier)).not.toContain("third");
    expect(await auditEvents(cluster.stores, "third")).toEqual(["allowed"]);
    await cluster.logIn(small, await cluster.pairedFollower("bob"));

    await place.follower.close();
    const again = await waiting(third, small);
    await again.follower.pair(third, again.code);
  });
});

describe("the places of those that wait", () => {
  it("are one for each pairing on a node: the newest connection has it, the older is closed with 4001, and the code still pairs", async () => {
    const small = await cluster.startNode({ YONEXUS_MAX_PENDING_PAIRINGS: "2" });
    const alice = await cluster.newFollower("alice");
    let { follower, code } = await waiting(alice, small);
    for (let count = 0; count < 5; count++) {
      const newer = await cluster.connect(small);
      newer.hello(alice);
      await newer.next("pair_request");
      expect(await follower.closed()).toEqual({ code: 4001, reason: "handshake_timeout" });
      follower = newer;
    }
    await waiting(await cluster.newFollower("bob"), small);
    await follower.pair(alice, code);
  });

  it("are bounded for one address: the next is answered OVERLOADED and 4013 without a notice, and another address comes in", async () => {
    const shared = await cluster.startNode({
      YONEXUS_MAX_PENDING_PAIRINGS_PER_ADDRESS: "2",
      YONEXUS_TRUSTED_PROXIES: "127.0.0.1",
    });
    const from = (address: string) => ({ headers: { "x-forwarded-for": address } });
    const hello = async (identifier: string, address: string) => {
      const identity = await cluster.newFollower(identifier);
      const follower = await cluster.connect(shared, from(address));
      follower.hello(identity);
      return { follower, identity };
    };
    for (const identifier of ["first", "second"]) {
      const { follower, identity } = await hello(identifier, "192.0.2.1");
      await cluster.resolveNotice(identity);
      await follower.next("pair_request");
    }
    const { follower: refused } = await hello("third", "192.0.2.1");
    expect((await refused.next("error")).payload.code).toBe("OVERLOADED");
    expect(await refused.closed()).toEqual({ code: 4013, reason: "overloaded" });
    expect((await notices()).map(({ identifier }) => identifier)).not.toContain("third");

    const other = await hello("fourth", "192.0.2.2");
    await cluster.resolveNotice(other.identity);
    await other.follower.next("pair_request");
  });

  it("are given back at once when no pairing is opened, also by one whose socket lingers", async () => {
    const small = await cluster.startNode({ YONEXUS_MAX_PENDING_PAIRINGS: "1" });
    await cluster.newFollower("alice");
    for (let count = 0; count < 3; count++) await waiting(new FollowerIdentity("alice"));
    const refused = await cluster.connect(small);
    refused.hello(new FollowerIdentity("alice"));
    // It does not read, so its socket stays until the node cuts it off.
    refused.pause();
    await waitFor("the limit to be told", async () => (await notices()).some(({ kind }) => kind === "limit"));
    const bob = await cluster.newFollower("bob");
    const place = await waiting(bob, small);
    await place.follower.pair(bob, place.code);
  });
});

describe("a paired follower", () => {
  it("that lost its secret is paired again, and its old session lives until then", async () => {
    const alice = await cluster.pairedFollower("alice");
    const oldSecret = alice.secret;
    const old = await cluster.logIn(node, alice);
    const reborn = await cluster.startNode();

    alice.secret = undefined;
    const { follower, code } = await waiting(alice, reborn);
    await confirm(follower, "alice", "AAAA-AAAA");
    alice.secret = oldSecret;
    old.heartbeat(alice);
    expect((await old.next("heartbeat_ack")).payload.status).toBe("online");

    await follower.pair(alice, code);
    expect((await old.next("re_pair_required")).payload.reason).toBe("trust_revoked");
    expect(await old.closed()).toEqual({ code: 4510, reason: "trust_revoked" });
    follower.sendBuiltin("auth_request", alice.prove());
    await follower.next("auth_success");
    expect((await cluster.stores.directory.find("alice"))?.node).toBe(reborn.nodeId);

    // Of the copy that has the old secret still.
    const newSecret = alice.secret;
    alice.secret = oldSecret;
    const copy = await cluster.connect(node);
    copy.hello(alice);
    await copy.next("hello_ack");
    copy.sendBuiltin("auth_request", alice.prove());
    expect((await copy.next("auth_failed")).payload.reason).toBe("invalid_secret");
    expect(newSecret).not.toBe(oldSecret);
    expect(follower.isOpen).toBe(true);
  });

  it("that sends pair_confirm without an open pairing is refused, and its trust is untouched", async () => {
    const alice = await cluster.pairedFollower("alice");
    const before = await trustOf("alice");
    const follower = await cluster.connect(node);
    follower.hello(alice);
    await follower.next("hello_ack");
    follower.sendBuiltin("pair_confirm", { identifier: "alice", pairingCode: "AAAA-AAAA" }, "q");
    expect(await follower.next("error")).toMatchObject({ requestId: "q", payload: { code: "MALFORMED_MESSAGE" } });
    follower.sendBuiltin("auth_request", alice.prove());
    await follower.next("auth_success");
    follower.sendBuiltin("pair_confirm", { identifier: "alice", pairingCode: "AAAA-AAAA" });
    await follower.next("error");
    expect(await trustOf("alice")).toEqual(before);
  });

  it("that says it has no secret and sends a proof all the same is refused as invalid_secret; an unpaired one as not_paired", async () => {
    const alice = await cluster.pairedFollower("alice");
    const bob = await cluster.newFollower("bob");
    for (const [identity, reason] of [
      [alice, "invalid_secret"],
      [bob, "not_paired"],
    ] as const) {
      const follower = await cluster.connect(node);
      follower.hello(identity, { hasSecret: false });
      await cluster.resolveNotice(identity);
      await follower.next("pair_request");
      follower.sendBuiltin("auth_request", identity.prove());
      expect((await follower.next("auth_failed")).payload.reason).toBe(reason);
      expect(await follower.closed()).toEqual({ code: 4003, reason: "auth_failed" });
    }
  });
});
