import {
  encodeReceipts,
  InvalidMessageError,
  MessageSender,
  type MessageSenderOptions,
  type NodeCommand,
  openRedis,
  parseNodeCommand,
  type ReceiptOutcome,
} from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { ageHeartbeat, claimEpoch, openStores, pairFollower, type Stores } from "../support/stores.ts";
import { waitFor } from "../support/waitFor.ts";

type Delivery = Extract<NodeCommand, { kind: "deliver" }>;
type Answer = ReceiptOutcome | undefined | Promise<ReceiptOutcome>;

let server: RedisServer;
let stores: Stores;
let version: string;
let senders: MessageSender[];
beforeAll(async () => {
  server = await startRedis({ persistent: false });
});
afterAll(() => server.stop());
beforeEach(async () => {
  stores = await openStores(server.url);
  version = await pairFollower(stores, "alice");
  senders = [];
});
afterEach(async () => {
  for (const sender of senders) await sender.close();
  stores.close();
});

async function newSender(options?: MessageSenderOptions): Promise<MessageSender> {
  const sender = new MessageSender(stores.redis, await stores.open("subscriber"), stores.keys, options);
  senders.push(sender);
  return sender;
}

/** A node as far as a sender sees it: it reads its channel and answers what it is told to, or nothing. */
async function fakeNode(nodeId: string, answer: (delivery: Delivery) => Answer): Promise<Delivery[]> {
  const deliveries: Delivery[] = [];
  const subscriber = await stores.open("subscriber");
  const reply = async (delivery: Delivery) => {
    const outcome = await answer(delivery);
    if (outcome === undefined) return;
    const receipts = encodeReceipts([{ messageId: delivery.messageId, outcome }]);
    await stores.redis.publish(stores.keys.replyChannel(delivery.senderId), receipts);
  };
  subscriber.on("message", (_channel: string, text: string) => {
    const command = parseNodeCommand(text);
    if (command?.kind !== "deliver") return;
    deliveries.push(command);
    reply(command).catch(() => {});
  });
  await subscriber.subscribe(stores.keys.nodeChannel(nodeId));
  return deliveries;
}

const lease = (nodeId: string, leaseMs = 60_000) =>
  stores.nodes.renew(nodeId, {
    name: nodeId,
    url: "ws://a",
    pid: 1,
    version: "0",
    startedAt: 0,
    sessions: 0,
    draining: false,
    leaseMs,
  });

describe("sending to a live follower", () => {
  it("is delivered when its node says so, with the epoch and the frame as it was given", async () => {
    const epoch = await claimEpoch(stores, "alice", version);
    const deliveries = await fakeNode("node-a", () => "delivered");
    const sender = await newSender();
    const frame = "weather::line 1\nline 2::{} 🦊";
    const result = await sender.sendMessageToClient("alice", frame);
    expect(result).toEqual({ result: "delivered", messageId: expect.any(String), node: "node-a" });
    expect(deliveries).toEqual([
      { kind: "deliver", identifier: "alice", epoch, messageId: result.messageId, senderId: sender.senderId, frame },
    ]);
  });

  it("answers 500 concurrent sends of two senders, each with its own receipt", async () => {
    await claimEpoch(stores, "alice", version);
    const answers: ReceiptOutcome[] = ["delivered", "overloaded"];
    await fakeNode("node-a", ({ frame }) => answers[Number(frame.slice(3)) % 2]);
    const [one, other] = [await newSender(), await newSender()];
    const results = await Promise.all(
      Array.from({ length: 500 }, (_, index) =>
        (index % 3 === 0 ? one : other).sendMessageToClient("alice", `r::${index}`),
      ),
    );
    expect(results.map(({ result }) => result)).toEqual(results.map((_, index) => answers[index % 2]));
    expect(new Set(results.map(({ messageId }) => messageId)).size).toBe(500);
  });

  it("is overloaded at the follower when its send buffer is full", async () => {
    await claimEpoch(stores, "alice", version);
    await fakeNode("node-a", () => "overloaded");
    expect(await (await newSender()).sendMessageToClient("alice", "r::x")).toMatchObject({
      result: "overloaded",
      where: "follower",
    });
  });

  it("is routed again, to the new owner, when the session moved while the message was under way", async () => {
    const first = await claimEpoch(stores, "alice", version);
    let second: number | undefined;
    const atOld = await fakeNode("node-a", async () => {
      second = await claimEpoch(stores, "alice", version, { nodeId: "node-b" });
      return "stale" as const;
    });
    const atNew = await fakeNode("node-b", () => "delivered");
    const result = await (await newSender()).sendMessageToClient("alice", "r::x");
    expect(result).toMatchObject({ result: "delivered", node: "node-b" });
    const { messageId } = result;
    expect(atOld).toMatchObject([{ epoch: first, messageId, frame: "r::x" }]);
    expect(atNew).toMatchObject([{ epoch: second, messageId, frame: "r::x" }]);
  });

  it("is offline after three answers of stale, and never goes round for ever", async () => {
    await claimEpoch(stores, "alice", version);
    const deliveries = await fakeNode("node-a", () => "stale");
    expect(await (await newSender()).sendMessageToClient("alice", "r::x")).toMatchObject({ result: "offline" });
    expect(deliveries).toHaveLength(3);
  });
});

describe("sending to a follower that is not there", () => {
  it("is offline with the reason: unknown, never connected, disconnected, timed out, revoked, not allowed", async () => {
    const sender = await newSender();
    const send = (identifier: string) => sender.sendMessageToClient(identifier, "r::x");
    expect(await send("mallory")).toEqual({
      result: "offline",
      messageId: expect.any(String),
      reason: "unknown_identifier",
    });
    expect(await send("alice")).toMatchObject({ result: "offline", reason: "never_connected" });

    const first = await claimEpoch(stores, "alice", version);
    await stores.sessions.end("alice", first, "disconnected");
    const { endedAt } = await stores.redis.hgetall(stores.keys.follower("alice").session);
    const disconnected = await send("alice");
    expect(disconnected).toMatchObject({ reason: "disconnected", lastSeenAt: Number(endedAt), lastNode: "node-a" });

    await claimEpoch(stores, "alice", version);
    await ageHeartbeat(stores, "alice", 700_000);
    await stores.sessions.judge("alice", { unstableAfterMs: 420_000, offlineAfterMs: 660_000 });
    expect(await send("alice")).toMatchObject({ result: "offline", reason: "heartbeat_timeout" });

    await claimEpoch(stores, "alice", version);
    await stores.trust.disallow("alice");
    expect(await send("alice")).toMatchObject({ result: "offline", reason: "identifier_not_allowed" });
    await stores.trust.allow(["alice"]);
    await claimEpoch(stores, "alice", version);
    await stores.trust.clear("alice", "operator", { disallow: false });
    expect(await send("alice")).toMatchObject({ result: "offline", reason: "trust_revoked" });
  });

  it("is offline node_lost at once when nobody listens on the node's channel", async () => {
    await claimEpoch(stores, "alice", version);
    await lease("node-a");
    // Far under the time it would wait for a receipt.
    const sending = (await newSender()).sendMessageToClient("alice", "r::x", { timeoutMs: 3_600_000 });
    expect(await sending).toMatchObject({ result: "offline", reason: "node_lost", lastNode: "node-a" });
  });
});

describe("sending to a node that does not answer", () => {
  it("is a timeout, also when the node's lease lapsed: it heard the message and may still deliver it", async () => {
    await claimEpoch(stores, "alice", version);
    await lease("node-a");
    const deliveries = await fakeNode("node-a", () => undefined);
    const sender = await newSender();
    expect(await sender.sendMessageToClient("alice", "r::x", { timeoutMs: 30 })).toMatchObject({
      result: "timeout",
      node: "node-a",
    });
    await stores.nodes.release("node-a");
    expect(await sender.sendMessageToClient("alice", "r::x", { timeoutMs: 30 })).toMatchObject({
      result: "timeout",
      node: "node-a",
    });
    expect(deliveries).toHaveLength(2);
  });

  it("takes a receipt that comes too late for nothing", async () => {
    await claimEpoch(stores, "alice", version);
    await lease("node-a");
    const deliveries = await fakeNode("node-a", () => undefined);
    const sender = await newSender();
    await sender.sendMessageToClient("alice", "r::x", { timeoutMs: 20 });
    const late = encodeReceipts([{ messageId: deliveries[0]?.messageId ?? "", outcome: "delivered" }]);
    await stores.redis.publish(stores.keys.replyChannel(sender.senderId), late);
    expect(await sender.sendMessageToClient("alice", "r::y", { timeoutMs: 20 })).toMatchObject({ result: "timeout" });
  });

  it("is overloaded at the sender, at once, over the number of unanswered messages, and takes more after answers", async () => {
    await claimEpoch(stores, "alice", version);
    await lease("node-a");
    let release: (() => void) | undefined;
    const held: Delivery[] = [];
    await fakeNode("node-a", (delivery) => {
      if (release !== undefined) return "delivered";
      held.push(delivery);
      return undefined;
    });
    const sender = await newSender({ maxUnanswered: 10 });
    // All in one turn, before any of them is under way.
    const sends = Array.from({ length: 50 }, (_, index) => sender.sendMessageToClient("alice", `r::${index}`));
    await waitFor("ten to be under way", () => held.length === 10);
    expect(await sender.sendMessageToClient("alice", "r::more")).toMatchObject({
      result: "overloaded",
      where: "sender",
    });
    release = () => {};
    const answers = held.map(({ messageId }) => ({ messageId, outcome: "delivered" as const }));
    await stores.redis.publish(stores.keys.replyChannel(sender.senderId), encodeReceipts(answers));
    const results = await Promise.all(sends);
    expect(results.filter(({ result }) => result === "delivered")).toHaveLength(10);
    expect(results.filter(({ result }) => result === "overloaded")).toHaveLength(40);
    expect(await sender.sendMessageToClient("alice", "r::again")).toMatchObject({ result: "delivered" });
  });

  it("is answered with timeout when the sender closes", async () => {
    await claimEpoch(stores, "alice", version);
    await lease("node-a");
    const deliveries = await fakeNode("node-a", () => undefined);
    const sender = await newSender();
    const sending = sender.sendMessageToClient("alice", "r::x", { timeoutMs: 3_600_000 });
    await waitFor("the message to be under way", () => deliveries.length === 1);
    await sender.close();
    expect(await sending).toMatchObject({ result: "timeout", node: "node-a" });
  });
});

describe("what is no message", () => {
  it.each([
    ["an identifier that is none", "al ice", "r::x"],
    ["an empty identifier", "", "r::x"],
    ["an identifier with a line feed", "alice\nx", "r::x"],
    ["no rule", "alice", "just text"],
    ["an empty rule", "alice", "::x"],
    ["builtin", "alice", "builtin::{}"],
    ["a rule with a control character", "alice", "a\u0007b::x"],
    ["a frame that is too large", "alice", `r::${"x".repeat(65_536)}`],
  ])("is refused with an InvalidMessageError, and nothing is published: %s", async (_what, identifier, message) => {
    await claimEpoch(stores, "alice", version);
    const deliveries = await fakeNode("node-a", () => "delivered");
    const sender = await newSender();
    const refused = sender.sendMessageToClient(identifier, message);
    await expect(refused).rejects.toThrow(InvalidMessageError);
    await expect(refused).rejects.toMatchObject({ code: "INVALID_MESSAGE" });
    // A message that is delivered after it shows that nothing came before.
    await sender.sendMessageToClient("alice", "r::after");
    expect(deliveries.map(({ frame }) => frame)).toEqual(["r::after"]);
  });
});

describe("sending on connections that were just opened", () => {
  /** As a program opens them: nobody waits until they are ready. */
  function freshSender(url: string): { sender: MessageSender; disconnect(): Promise<unknown> } {
    const connections = [openRedis(url, "commands"), openRedis(url, "subscriber")] as const;
    for (const connection of connections) connection.on("error", () => {});
    return {
      sender: new MessageSender(...connections, stores.keys),
      disconnect: async () => {
        const ended = connections.map((connection) => new Promise((resolve) => connection.once("end", resolve)));
        for (const connection of connections) connection.disconnect();
        return Promise.all(ended);
      },
    };
  }

  it("waits until they are ready, and delivers", async () => {
    await claimEpoch(stores, "alice", version);
    await fakeNode("node-a", () => "delivered");
    const { sender, disconnect } = freshSender(server.url);
    const results = await Promise.all(["r::1", "r::2"].map((frame) => sender.sendMessageToClient("alice", frame)));
    expect(results).toMatchObject([{ result: "delivered" }, { result: "delivered" }]);
    await sender.close();
    await disconnect();
    // Connections that were ended are not waited for.
    const sending = sender.sendMessageToClient("alice", "r::3", { timeoutMs: 3_600_000 });
    await expect(sending).rejects.toMatchObject({ code: "REDIS_UNREACHABLE" });
  });

  it("ends in the connection's error when Redis cannot be reached in the time it has, however many wait", async () => {
    const { sender, disconnect } = freshSender("redis+unix:///nowhere/redis.sock");
    const warnings: string[] = [];
    const warned = (warning: Error) => void warnings.push(warning.name);
    process.on("warning", warned);
    const sends = Array.from({ length: 50 }, () => sender.sendMessageToClient("alice", "r::x", { timeoutMs: 200 }));
    for (const sent of await Promise.allSettled(sends)) {
      expect(sent).toMatchObject({ status: "rejected", reason: { code: "ENOENT" } });
    }
    process.off("warning", warned);
    expect(warnings).toEqual([]);
    // Between two tries there is no end to wait for.
    void disconnect();
  });
});

describe("sending while Redis is away", () => {
  it("ends in the connection's error, also for the first message of a sender, and works again afterwards", async () => {
    const own = await startRedis();
    const there = await openStores(own.url);
    const subscriber = await there.open("subscriber");
    const sender = new MessageSender(there.redis, subscriber, there.keys);
    await own.kill();
    await waitFor("the connections to be gone", () => there.redis.status !== "ready" && subscriber.status !== "ready");
    await expect(sender.sendMessageToClient("alice", "r::x", { timeoutMs: 100 })).rejects.toThrow();
    await own.restart();
    await waitFor("the connection to be back", () => there.redis.status === "ready");
    expect(await sender.sendMessageToClient("alice", "r::x")).toMatchObject({
      result: "offline",
      reason: "unknown_identifier",
    });
    await sender.close();
    there.close();
    await own.stop();
  });

  it("is a timeout when Redis goes while the message is under way", async () => {
    const own = await startRedis();
    const there = await openStores(own.url);
    await claimEpoch(there, "alice", await pairFollower(there, "alice"));
    const seen = await there.record(there.keys.nodeChannel("node-a"));
    const sender = new MessageSender(there.redis, await there.open("subscriber"), there.keys);
    const sending = sender.sendMessageToClient("alice", "r::x", { timeoutMs: 300 });
    await waitFor("the message to be under way", () => seen.length === 1);
    await own.kill();
    expect(await sending).toMatchObject({ result: "timeout", node: "node-a" });
    there.close();
    await own.stop();
  });
});
