import {
  encodeReceipts,
  ensureSchemaVersion,
  MessageSender,
  parseNodeCommand,
  RuleConsumer,
} from "@yonexus/protocol/redis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RedisCluster, startRedisCluster } from "../support/redisCluster.ts";
import {
  ageHeartbeat,
  claim,
  claimEpoch,
  freshClaim,
  newFollowerKey,
  openStores,
  pairFollower,
  type Stores,
} from "../support/stores.ts";
import { waitFor } from "../support/waitFor.ts";

let cluster: RedisCluster;
let stores: Stores;
beforeAll(async () => {
  cluster = await startRedisCluster({ masters: 3 });
  stores = await openStores(cluster.url);
});
afterAll(async () => {
  stores?.close();
  await cluster?.stop();
});

const THRESHOLDS = { unstableAfterMs: 420_000, offlineAfterMs: 660_000 };
/** Enough names to meet every master. */
const names = (start: string) => Array.from({ length: 12 }, (_, index) => `${start}${index}`);

describe("on a Redis Cluster", () => {
  it("the schema version is checked, and the followers of a configuration are allowed", async () => {
    await ensureSchemaVersion(stores.redis, stores.keys);
    const applied = await stores.trust.applyConfigured(names("configured"), "coordinator");
    expect(applied.added).toHaveLength(12);
    expect((await stores.trust.applyConfigured([], "coordinator")).removed).toHaveLength(12);
    expect((await stores.directory.page("configured", 100)).length).toBeGreaterThanOrEqual(12);
  });

  it("followers on every master are paired, claim, beat, reassert and end, all at once", async () => {
    await Promise.all(
      names("flow").map(async (name) => {
        const version = await pairFollower(stores, name);
        const epoch = await claimEpoch(stores, name, version);
        expect(await stores.sessions.beat(name, epoch)).toMatchObject({ outcome: "alive" });
        expect((await stores.sessions.check(name, epoch)).outcome).toBe("owner");
        const held = {
          ...(await freshClaim(stores, name, version)),
          epoch,
          authenticatedAt: epoch,
        };
        expect(await stores.sessions.reassert(held, 0)).toMatchObject({ outcome: "kept" });
        expect(await stores.sessions.end(name, epoch, "disconnected")).toBe("ended");
        const again = await claimEpoch(stores, name, version);
        expect(await stores.sessions.endOfDeadNode(name, "node-a")).toBe("ended");
        expect(again).toBeGreaterThan(epoch);
        expect(await stores.attempts.countFailure(name, "192.0.2.1")).toBe(false);
        expect(await stores.directory.find(name)).toMatchObject({ paired: true, status: "offline" });
        expect((await stores.directory.audit(name, 100)).length).toBeGreaterThan(5);
      }),
    );
  });

  it("the loser of a race is told, and a replayed nonce clears the trust", async () => {
    const version = await pairFollower(stores, "racer");
    const told = await stores.record(stores.keys.nodeChannel("node-a"));
    const first = await claimEpoch(stores, "racer", version);
    const proof = await freshClaim(stores, "racer", version, { nodeId: "node-b" });
    const second = await stores.sessions.claim(proof);
    expect(second).toMatchObject({ outcome: "claimed", previousNode: "node-a" });
    await waitFor("the loser to be told", () => told.length > 0);
    expect(told).toEqual([`x racer ${first} session_replaced`]);
    expect(await stores.sessions.claim(proof)).toEqual({ outcome: "nonce_collision" });
    expect(await claim(stores, "racer", version)).toEqual({ outcome: "trust_changed" });
  });

  it("a pairing is joined, its notice fails or is sent, wrong codes end it, and the pending ones are listed", async () => {
    const key = newFollowerKey();
    const waiter = { nodeId: "node-a", connectionId: "connection-1", address: "192.0.2.1" };
    await stores.trust.allow(["pairing"]);
    const opened = await Promise.all(
      Array.from({ length: 20 }, () => stores.pairings.open("pairing", key.publicKey, key.fingerprint, waiter)),
    );
    expect(opened.filter(({ outcome }) => outcome === "opened")).toHaveLength(1);
    expect(await stores.pairings.pending(100)).toContainEqual(
      expect.objectContaining({ identifier: "pairing", fingerprint: key.fingerprint }),
    );
    const id = opened[0] !== undefined && "pairingId" in opened[0] ? opened[0].pairingId : "";
    expect(await stores.pairings.resolveNotice("pairing", key.fingerprint, id, "sent")).toBe("resolved");
    for (let count = 0; count < 4; count++)
      await stores.pairings.confirm("pairing", key.fingerprint, "wrong", "sealed");
    expect((await stores.pairings.confirm("pairing", key.fingerprint, "wrong", "sealed")).outcome).toBe(
      "too_many_attempts",
    );
    const next = await stores.pairings.open("pairing", key.publicKey, key.fingerprint, waiter);
    const nextId = "pairingId" in next ? next.pairingId : "";
    expect(await stores.pairings.resolveNotice("pairing", key.fingerprint, nextId, "failed")).toBe("resolved");
    expect(await stores.pairings.forgetExpired()).toBe(0);
  });

  it("trust is cleared, identifiers leave the allowlist, and secrets are sealed anew", async () => {
    const version = await pairFollower(stores, "revoked");
    await claimEpoch(stores, "revoked", version);
    const sealed = (await stores.trust.lookup("revoked", undefined)).trust?.sealedSecret ?? "";
    const rotated = await openStores(cluster.url, {
      keys: stores.keys,
      masterKeys: [new Uint8Array(32).fill(8), new Uint8Array(32).fill(7)],
    });
    await rotated.trust.resealIfOld("revoked", version, sealed, rotated.trust.openSecret("revoked", sealed));
    expect((await stores.trust.lookup("revoked", undefined)).trust?.sealedSecret).not.toBe(sealed);
    rotated.close();
    expect(await stores.trust.disallow("revoked")).toEqual({ changed: true, closedOn: "node-a" });
    expect(await stores.trust.clear("revoked", "operator", { disallow: true })).toMatchObject({ wasPaired: true });
  });

  it("liveness edges are emitted once, and the index is swept", async () => {
    const events = await stores.record(stores.keys.events);
    for (const name of names("live")) {
      await claimEpoch(stores, name, await pairFollower(stores, name));
      await ageHeartbeat(stores, name, 700_000);
      await stores.liveness.postpone(name, 1);
    }
    const due = await stores.liveness.due(100);
    expect(due).toHaveLength(12);
    const verdicts = await Promise.all(
      [...due, ...due, ...due].map(({ identifier }) => stores.sessions.judge(identifier, THRESHOLDS)),
    );
    expect(verdicts.filter(({ edge }) => edge === "offline")).toHaveLength(12);
    for (const each of due) await stores.liveness.remove(each);
    expect(await stores.liveness.size()).toBe(0);
    await waitFor(
      "the edges to be published",
      () => events.filter((text) => text.includes("heartbeat_timeout")).length === 12,
    );
  });

  it("nodes are renewed, listed, lapse and are released", async () => {
    const report = { name: "n", url: "ws://a", pid: 1, version: "0", startedAt: 0, sessions: 0, draining: false };
    await Promise.all(names("node-").map((nodeId) => stores.nodes.renew(nodeId, { ...report, leaseMs: 60_000 })));
    await stores.nodes.renew("node-brief", { ...report, leaseMs: 30 });
    await stores.nodes.addSession("node-brief", "alice");
    await waitFor("the lease to lapse", async () => (await stores.nodes.lapsed(10)).includes("node-brief"));
    expect(await stores.nodes.list()).toHaveLength(12);
    expect(await stores.nodes.someSessions("node-brief", 10)).toEqual(["alice"]);
    await stores.nodes.release("node-brief");
    expect(await stores.nodes.lapsed(10)).toEqual([]);
  });

  it("rules of odd names are held, filled, read, acked, given up and forgotten", async () => {
    for (const rule of ["plain", "a{b}c", "{}", "}{", "with space", "100%", "a:b", "Grüße 🦊"]) {
      const handled: string[] = [];
      const consumer = new RuleConsumer(stores.redis, await stores.open("blocking"), stores.keys, {
        rule,
        group: "shop",
        handler: ({ content }) => void handled.push(content),
        onError: (error) => {
          throw error;
        },
      });
      await consumer.start();
      expect(await stores.rules.hold(rule, "spy", "r", 1_000)).toEqual({ outcome: "refused", heldBy: "shop" });
      expect(await stores.rules.append(rule, "alice", "hello", { maxBacklog: 10 })).toBe("appended");
      await waitFor(`the message of ${rule}`, () => handled.length === 1);
      await consumer.stop();
      expect(await stores.rules.append(rule, "alice", "hello", { maxBacklog: 10 })).toBe("unknown_rule");
      expect(await stores.rules.forgetIfIdle(rule)).toBe(true);
    }
    expect(await stores.rules.list()).toEqual([]);
  });

  it("messages reach the owner's node and its receipts the sender; without a receipt the lease decides", async () => {
    const subscriber = await stores.open("subscriber");
    subscriber.on("message", (_channel: string, text: string) => {
      const command = parseNodeCommand(text);
      if (command?.kind !== "deliver" || command.frame.endsWith("silence")) return;
      const receipts = encodeReceipts([{ messageId: command.messageId, outcome: "delivered" }]);
      stores.redis.publish(stores.keys.replyChannel(command.senderId), receipts).catch(() => {});
    });
    await subscriber.subscribe(stores.keys.nodeChannel("node-a"));
    const sender = new MessageSender(stores.redis, await stores.open("subscriber"), stores.keys);
    for (const name of names("send")) {
      await claimEpoch(stores, name, await pairFollower(stores, name));
    }
    const results = await Promise.all(names("send").map((name) => sender.sendMessageToClient(name, "r::x")));
    expect(results.map(({ result }) => result)).toEqual(results.map(() => "delivered"));
    expect(await sender.sendMessageToClient("send0", "r::silence", { timeoutMs: 1_000 })).toMatchObject({
      result: "offline",
      reason: "node_lost",
    });
    expect(await sender.sendMessageToClient("nobody", "r::x")).toMatchObject({ reason: "unknown_identifier" });
    await sender.close();
  });
});
