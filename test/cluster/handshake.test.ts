import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
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

describe("the first pairing", () => {
  it("goes hello, pair_request, the code by way of a person, pair_success, auth_success", async () => {
    const alice = await cluster.newFollower("alice");
    const follower = await cluster.connect(node);
    const startedAt = Math.floor(Date.now() / 1000);
    follower.hello(alice, {}, "hello-1");
    expect(await follower.next("hello_ack")).toMatchObject({
      requestId: "hello-1",
      timestamp: expect.any(Number),
      payload: { identifier: "alice", nextAction: "pair_required" },
    });
    const code = await cluster.resolveNotice(alice, "sent");
    const { payload: request } = await follower.next("pair_request");
    expect(request).toMatchObject({ adminNotification: "sent", codeDelivery: "out_of_band" });
    expect(request.ttlSeconds).toBeGreaterThan(290);
    expect(request.expiresAt - startedAt).toBeGreaterThanOrEqual(299);

    follower.sendBuiltin("pair_confirm", { identifier: "alice", pairingCode: code }, "confirm-1");
    const success = await follower.next("pair_success");
    expect(success).toMatchObject({ requestId: "confirm-1", payload: { identifier: "alice" } });
    expect(Buffer.from(success.payload.secret, "base64")).toHaveLength(32);
    alice.secret = success.payload.secret;
    follower.sendBuiltin("auth_request", alice.prove(), "auth-1");
    const { requestId, payload } = await follower.next("auth_success");
    expect([requestId, payload.status]).toEqual(["auth-1", "online"]);
    expect(payload.authenticatedAt - startedAt).toBeLessThan(10);

    expect(follower.types).toEqual(["hello_ack", "pair_request", "pair_success", "auth_success"]);
    expect(await cluster.status("alice")).toBe("online");
    expect(await auditEvents(cluster.stores, "alice")).toEqual(["allowed", "pairing_opened", "paired", "online"]);
  });

  it("never brings the code over the socket, in any spelling", async () => {
    const alice = await cluster.newFollower("alice");
    const follower = await cluster.connect(node);
    follower.hello(alice);
    const code = await cluster.resolveNotice(alice);
    await follower.next("pair_request");
    for (const wrong of ["AAAA-AAAA", "nonsense"]) {
      follower.sendBuiltin("pair_confirm", { identifier: "alice", pairingCode: wrong });
      await follower.next("pair_failed");
    }
    await follower.pair(alice, code);
    follower.sendBuiltin("auth_request", alice.prove());
    await follower.next("auth_success");
    follower.heartbeat(alice);
    await follower.next("heartbeat_ack");
    const all = follower.received.join("\n").toUpperCase().replaceAll("-", "");
    expect(all).not.toContain(code.replaceAll("-", ""));
    expect(all).not.toContain(code);
  });

  it("says first that the notice is pending when the admin is told late, then that it is sent", async () => {
    const alice = await cluster.newFollower("alice");
    const follower = await cluster.connect(node);
    follower.hello(alice);
    expect((await follower.next("pair_request")).payload.adminNotification).toBe("pending");
    await cluster.resolveNotice(alice);
    expect((await follower.next("pair_request")).payload.adminNotification).toBe("sent");
  });
});

describe("a follower that is paired", () => {
  it("comes back by a proof alone, on any node", async () => {
    const alice = await cluster.pairedFollower("alice");
    const other = await cluster.startNode();
    for (const place of [node, other]) {
      const follower = await cluster.connect(place);
      follower.hello(alice);
      expect((await follower.next("hello_ack")).payload.nextAction).toBe("auth_required");
      follower.sendBuiltin("auth_request", alice.prove());
      await follower.next("auth_success");
      expect((await cluster.stores.directory.find("alice"))?.node).toBe(place.nodeId);
      await follower.close();
      await cluster.waitForStatus("alice", "offline");
    }
  });

  it("is answered heartbeat_ack for each heartbeat, to its request, and the heartbeat is on record", async () => {
    const alice = await cluster.pairedFollower("alice");
    const follower = await cluster.logIn(node, alice);
    const heardAt = async () => (await cluster.stores.directory.find("alice"))?.lastHeartbeatAt ?? 0;
    const before = await heardAt();
    // The login counts as one, and both may fall into one millisecond.
    await waitFor("the next millisecond", async () => (await cluster.stores.now()) > before);
    follower.heartbeat(alice, "beat-1");
    expect(await follower.next("heartbeat_ack")).toMatchObject({
      requestId: "beat-1",
      payload: { identifier: "alice", status: "online" },
    });
    expect(await heardAt()).toBeGreaterThan(before);
    follower.heartbeat(alice);
    expect(await follower.next("heartbeat_ack")).not.toHaveProperty("requestId");
  });

  it("may name its key with its proof, and is refused when it names another", async () => {
    const alice = await cluster.pairedFollower("alice");
    for (const [publicKey, answer] of [
      [alice.publicKey, "auth_success"],
      [(await cluster.newFollower("bob")).publicKey, "auth_failed"],
    ] as const) {
      const follower = await cluster.connect(node);
      follower.hello(alice);
      await follower.next("hello_ack");
      follower.sendBuiltin("auth_request", { ...alice.prove(), publicKey });
      await follower.next(answer);
    }
  });

  it("is disconnected, on record as such, when its socket ends without a word", async () => {
    const alice = await cluster.pairedFollower("alice");
    (await cluster.logIn(node, alice)).terminate();
    await cluster.waitForStatus("alice", "offline");
    expect((await cluster.stores.directory.find("alice"))?.endReason).toBe("disconnected");
  });
});

describe("a hello that leads nowhere", () => {
  it("of an identifier that is not allowed: rejected, an error, a notice, 4503", async () => {
    const follower = await cluster.connect(node);
    const mallory = await cluster.newFollower("mallory");
    await cluster.stores.trust.disallow("mallory");
    follower.hello(mallory, {}, "hello-1");
    expect(await follower.closed()).toEqual({ code: 4503, reason: "identifier_not_allowed" });
    expect(follower.messages).toMatchObject([
      { type: "hello_ack", requestId: "hello-1", payload: { nextAction: "rejected" } },
      { type: "error", requestId: "hello-1", payload: { code: "IDENTIFIER_NOT_ALLOWED" } },
      { type: "disconnect_notice", payload: { identifier: "mallory", reason: "identifier_not_allowed" } },
    ]);
  });

  it("of another protocol version: an error, a notice, 4501", async () => {
    const follower = await cluster.connect(node);
    follower.hello(await cluster.newFollower("alice"), { protocolVersion: "2" }, "hello-1");
    expect(await follower.closed()).toEqual({ code: 4501, reason: "unsupported_protocol_version" });
    expect(follower.messages).toMatchObject([
      { type: "error", requestId: "hello-1", payload: { code: "UNSUPPORTED_PROTOCOL_VERSION" } },
      { type: "disconnect_notice", payload: { identifier: "alice", reason: "unsupported_protocol_version" } },
    ]);
  });

  it("without a usable key: an error, and a good hello may follow", async () => {
    const alice = await cluster.newFollower("alice");
    const follower = await cluster.connect(node);
    follower.hello(alice, { publicKey: undefined });
    expect((await follower.next("error")).payload.code).toBe("MALFORMED_MESSAGE");
    follower.hello(alice, { hasKeyPair: false });
    expect((await follower.next("error")).payload.code).toBe("MALFORMED_MESSAGE");
    follower.hello(alice);
    expect((await follower.next("hello_ack")).payload.nextAction).toBe("pair_required");
  });
});

describe("the port of a node", () => {
  const get = async (path: string, init: RequestInit = {}) => fetch(`${node.url.replace("ws:", "http:")}${path}`, init);

  it("answers /healthz and /readyz, and tells a stray visitor what it is", async () => {
    expect(await (await get("/healthz")).json()).toEqual({ status: "alive" });
    expect((await get("/readyz?probe=1")).status).toBe(200);
    const stray = await get("/admin");
    expect([stray.status, await stray.text()]).toEqual([404, expect.stringContaining("Yonexus node")]);
    expect((await get("/healthz", { method: "POST" })).status).toBe(405);
  });

  it("takes a follower on any path, and offers no compression that would cost memory", async () => {
    const follower = await cluster.connect({ url: `${node.url}/some/path` });
    expect(follower.extensions).toBe("");
    follower.hello(await cluster.newFollower("alice"));
    await follower.next("hello_ack");
  });
});

describe("a handshake that takes too long", () => {
  it("is closed with 4001, unless it waits for a human", async () => {
    const hasty = await cluster.startNode({ YONEXUS_HANDSHAKE_TIMEOUT_MS: "2000" });
    const [alice, bob] = [await cluster.newFollower("alice"), await cluster.pairedFollower("bob")];
    const waiting = await cluster.connect(hasty);
    waiting.hello(alice);
    const code = await cluster.resolveNotice(alice);
    await waiting.next("pair_request");

    const [silent, dawdling] = [await cluster.connect(hasty), await cluster.connect(hasty)];
    dawdling.hello(bob);
    expect(await silent.closed()).toEqual({ code: 4001, reason: "handshake_timeout" });
    expect(silent.received).toEqual([]);
    expect(await dawdling.closed()).toEqual({ code: 4001, reason: "handshake_timeout" });
    expect(dawdling.types).toEqual(["hello_ack", "disconnect_notice"]);

    expect(waiting.isOpen).toBe(true);
    await waiting.pair(alice, code);
    // From here on it runs again.
    expect(await waiting.closed()).toEqual({ code: 4001, reason: "handshake_timeout" });
  });
});
