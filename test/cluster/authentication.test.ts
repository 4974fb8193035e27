import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { FollowerIdentity, type Proof, type RawFollower } from "../support/rawFollower.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { auditEvents } from "../support/stores.ts";
import { TestCluster } from "../support/testCluster.ts";
import type { TestNode } from "../support/testNode.ts";
import { waitFor } from "../support/waitFor.ts";

let redis: RedisServer;
let cluster: TestCluster;
let node: TestNode;
let alice: FollowerIdentity;
beforeAll(async () => {
  redis = await startRedis({ persistent: false });
});
afterAll(() => redis.stop());
beforeEach(async () => {
  cluster = await TestCluster.open(redis.url, { YONEXUS_TRUSTED_PROXIES: "127.0.0.1" });
  node = await cluster.startNode();
  alice = await cluster.pairedFollower("alice");
});
afterEach(() => cluster.stop());

const isPaired = async () => (await cluster.stores.trust.lookup("alice", undefined)).trust !== undefined;
const nowSeconds = async () => Math.floor((await cluster.stores.now()) / 1000);

/** Hello and this proof on a connection of its own; the answer is left to be read. */
async function attempt(proof: Partial<Proof>, on: TestNode = node, address = "192.0.2.1"): Promise<RawFollower> {
  const follower = await cluster.connect(on, { headers: { "x-forwarded-for": address } });
  follower.hello(alice);
  await follower.next("hello_ack");
  follower.sendBuiltin("auth_request", { identifier: "alice", ...proof }, "auth");
  return follower;
}

async function refusal(follower: RawFollower) {
  const failed = await follower.next("auth_failed");
  const { code, reason: closedBy } = await follower.closed();
  return { reason: failed.payload.reason, requestId: failed.requestId, code, closedBy };
}

const refused = (reason: string) => ({ reason, requestId: "auth", code: 4003, closedBy: "auth_failed" });

describe("a proof", () => {
  it("is fresh for under ten seconds both ways, by the clock of Redis", async () => {
    const now = await nowSeconds();
    const stale = await attempt(alice.prove({ proofTimestamp: now - 10 }));
    expect(await refusal(stale)).toMatchObject(refused("stale_timestamp"));
    const future = await attempt(alice.prove({ proofTimestamp: (await nowSeconds()) + 60 }));
    expect(await refusal(future)).toMatchObject(refused("future_timestamp"));
    // The time until it is judged makes an old one older.
    for (const offset of [-5, 8]) {
      const fresh = await attempt(alice.prove({ proofTimestamp: (await nowSeconds()) + offset }));
      await fresh.next("auth_success");
    }
    expect(await isPaired()).toBe(true);
  });

  it("of the far past or future is told so, and keeps nothing from being swept", async () => {
    for (const [proofTimestamp, reason] of [
      [0, "stale_timestamp"],
      [8_640_000_000_000, "future_timestamp"],
    ] as const) {
      expect(await refusal(await attempt(alice.prove({ proofTimestamp })))).toMatchObject(refused(reason));
    }
    const due = await cluster.stores.redis.zscore(cluster.stores.keys.liveness, "alice");
    expect(Number(due)).toBeLessThan((await cluster.stores.now()) + 420_000 + 5_000);
  });

  it("by another key, under another secret, damaged or of another form is invalid_signature: they cannot be told apart", async () => {
    const otherKey = new FollowerIdentity("alice");
    otherKey.secret = alice.secret;
    const otherSecret = alice.prove();
    const secret = alice.secret;
    alice.secret = "another secret";
    const wrongSecret = alice.prove();
    alice.secret = secret;
    const { signature } = otherSecret;
    const flipped = `${signature.startsWith("A") ? "B" : "A"}${signature.slice(1)}`;
    for (const proof of [
      otherKey.prove(),
      wrongSecret,
      { ...otherSecret, signature: flipped },
      { ...otherSecret, nonce: "B".repeat(24) },
      { ...otherSecret, proofTimestamp: otherSecret.proofTimestamp - 1 },
      { ...otherSecret, signature: "".padEnd(88, "x") },
      { ...otherSecret, signature: signature.replaceAll("=", "") },
      { ...otherSecret, signature: `${signature} ` },
    ]) {
      expect(await refusal(await attempt(proof))).toMatchObject(refused("invalid_signature"));
    }
    expect(await isPaired()).toBe(true);
    expect(await cluster.stores.redis.exists(cluster.stores.keys.follower("alice").proofs)).toBe(0);
  });

  it("of a hello that names another key than the paired one is refused, though the proof itself is right", async () => {
    const follower = await cluster.connect(node);
    follower.hello(alice, { publicKey: new FollowerIdentity("alice").publicKey });
    await follower.next("hello_ack");
    follower.sendBuiltin("auth_request", alice.prove(), "auth");
    expect(await refusal(follower)).toMatchObject(refused("invalid_signature"));
  });

  it("after the trust was revoked, in the middle of the handshake, is refused", async () => {
    const follower = await cluster.connect(node);
    follower.hello(alice);
    await follower.next("hello_ack");
    await cluster.stores.trust.clear("alice", "a test", { disallow: false });
    follower.sendBuiltin("auth_request", alice.prove(), "auth");
    expect(await refusal(follower)).toMatchObject(refused("not_paired"));
  });

  it("after the identifier left the allowlist, in the middle of the handshake, is refused with 4503", async () => {
    const follower = await cluster.connect(node);
    follower.hello(alice);
    await follower.next("hello_ack");
    await cluster.stores.trust.disallow("alice");
    follower.sendBuiltin("auth_request", alice.prove(), "auth");
    expect(await refusal(follower)).toMatchObject({ reason: "unknown_identifier", code: 4503 });
  });
});

describe("an unsafe condition", () => {
  it("is a valid proof that is replayed on another node: the trust is cleared, and the live session is closed", async () => {
    const other = await cluster.startNode();
    const proof = alice.prove();
    const owner = await attempt(proof);
    await owner.next("auth_success");

    const thief = await attempt(proof, other, "198.51.100.66");
    expect(await refusal(thief)).toMatchObject({ reason: "nonce_collision", code: 4510 });
    expect(thief.types).toEqual(["hello_ack", "auth_failed", "re_pair_required", "disconnect_notice"]);
    expect((await owner.next("re_pair_required")).payload.reason).toBe("trust_revoked");
    expect(await owner.closed()).toEqual({ code: 4510, reason: "trust_revoked" });

    expect(await isPaired()).toBe(false);
    expect(await cluster.status("alice")).toBe("offline");
    const [cleared] = (await cluster.stores.directory.audit("alice", 50)).filter(
      ({ event }) => event === "trust_cleared",
    );
    expect(cleared?.details).toMatchObject({ reason: "nonce_collision", address: "198.51.100.66" });
    const back = await cluster.connect(node);
    back.hello(alice);
    expect((await back.next("hello_ack")).payload.nextAction).toBe("pair_required");
  });

  it("is an eleventh valid proof within ten seconds; ten are fine", async () => {
    for (let count = 0; count < 10; count++) await (await attempt(alice.prove())).next("auth_success");
    expect(await isPaired()).toBe(true);
    const eleventh = await attempt(alice.prove());
    expect(await refusal(eleventh)).toMatchObject({ reason: "rate_limited", code: 4510 });
    expect((await eleventh.next("re_pair_required")).payload.reason).toBe("rate_limited");
    expect(await isPaired()).toBe(false);
    expect(await auditEvents(cluster.stores, "alice")).toContain("trust_cleared");
  });
});

describe("wrong proofs", () => {
  it("beyond ten a minute are answered rate_limited and 4029; the trust stays, and a right one is let in", async () => {
    const other = await cluster.startNode();
    const wrong = () => ({ ...alice.prove(), signature: "wrong" });
    for (let count = 0; count < 10; count++) {
      expect(await refusal(await attempt(wrong(), count % 2 === 0 ? node : other))).toMatchObject(
        refused("invalid_signature"),
      );
    }
    for (let count = 0; count < 3; count++) {
      expect(await refusal(await attempt(wrong()))).toEqual({
        reason: "rate_limited",
        requestId: "auth",
        code: 4029,
        closedBy: "rate_limited",
      });
    }
    // Counted for each address: another one is told what is wrong.
    expect(await refusal(await attempt(wrong(), node, "198.51.100.1"))).toMatchObject(refused("invalid_signature"));
    expect(await isPaired()).toBe(true);
    await (await attempt(alice.prove())).next("auth_success");
    expect(await auditEvents(cluster.stores, "alice")).not.toContain("trust_cleared");
  });

  it("however many at once, clear no trust and close no session", async () => {
    const owner = await attempt(alice.prove());
    await owner.next("auth_success");
    const stranger = new FollowerIdentity("alice");
    stranger.secret = "guessed";
    const replayedNonce = alice.prove().nonce;
    await Promise.all(
      Array.from({ length: 15 }, async () => {
        const follower = await attempt(stranger.prove({ nonce: replayedNonce }));
        return refusal(follower);
      }),
    );
    expect(await isPaired()).toBe(true);
    expect(owner.isOpen).toBe(true);
    expect(await cluster.status("alice")).toBe("online");
  });
});

describe("a cluster whose master key was rotated", () => {
  it("lets a follower in that was paired under the old key, and seals its secret anew", async () => {
    const oldKey = cluster.env.YONEXUS_MASTER_KEY ?? "";
    const newKey = Buffer.alloc(32, 9).toString("base64");
    const rotated = await cluster.startNode({ YONEXUS_MASTER_KEY: `${newKey},${oldKey}` });
    await (await attempt(alice.prove(), rotated)).next("auth_success");
    const own = cluster.stores.keys.follower("alice");
    const keyId = async () => (await cluster.stores.redis.hget(own.trust, "sealedSecret"))?.split(".")[1];
    const oldId = cluster.stores.keyring.seal("any", "place").split(".")[1];
    await waitFor("the secret to be sealed anew", async () => (await keyId()) !== oldId);
    const onlyNew = await cluster.startNode({ YONEXUS_MASTER_KEY: newKey });
    await (await attempt(alice.prove(), onlyNew)).next("auth_success");
  });

  it("answers a wrong proof invalid_signature also when the secret before the last pairing went with the old key", async () => {
    const newKey = Buffer.alloc(32, 9).toString("base64");
    const own = cluster.stores.keys.follower("alice");
    const sealedBefore = (await cluster.stores.redis.hget(own.trust, "sealedSecret")) ?? "";
    await cluster.stores.redis.hset(own.trust, "previousSecret", sealedBefore);
    const rotated = await cluster.startNode({ YONEXUS_MASTER_KEY: `${newKey},${cluster.env.YONEXUS_MASTER_KEY}` });
    await (await attempt(alice.prove(), rotated)).next("auth_success");
    await waitFor(
      "the secret to be sealed anew",
      async () => (await cluster.stores.redis.hget(own.trust, "sealedSecret")) !== sealedBefore,
    );
    const onlyNew = await cluster.startNode({ YONEXUS_MASTER_KEY: newKey });
    const { secret } = alice;
    alice.secret = "guessed";
    const wrong = alice.prove();
    if (secret !== undefined) alice.secret = secret;
    const follower = await attempt(wrong, onlyNew);
    expect((await follower.next("auth_failed")).payload.reason).toBe("invalid_signature");
    expect(await follower.closed()).toEqual({ code: 4003, reason: "auth_failed" });
  });

  it("without the old key fails this follower alone, as a fault of its own, and tells no secret", async () => {
    const foreign = await cluster.startNode({ YONEXUS_MASTER_KEY: Buffer.alloc(32, 9).toString("base64") });
    const follower = await attempt(alice.prove(), foreign);
    expect((await follower.next("error")).payload.code).toBe("INTERNAL_ERROR");
    expect(await follower.closed()).toEqual({ code: 4013, reason: "overloaded" });
    expect(await isPaired()).toBe(true);
    expect(foreign.log.join("\n")).toContain("YONEXUS_MASTER_KEY");
    await cluster.logIn(node, alice);
  });
});
