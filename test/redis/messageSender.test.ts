import {
  encodeReceipts,
  InvalidMessageError,
  MessageSender,
  type MessageSenderOptions,
  openRedis,
  type ReceiptOutcome,
  type SendOptions,
} from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Answer, type Delivery, fakeNode, tellSender } from "../support/fakeNode.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { ageHeartbeat, claimEpoch, openStores, pairFollower, type Stores } from "../support/stores.ts";
import { waitFor } from "../support/waitFor.ts";

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

const nodeThat = (nodeId: string, live: (delivery: Delivery) => Answer) => fakeNode(stores, nodeId, { live });

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
    const { deliveries } = await nodeThat("node-a", () => "delivered");
    const sender = await newSender();
    const frame = "weather::line 1\nline 2::{} 🦊";
    const result = await sender.sendMessageToClient("alice", frame);
    expect(result).toEqual({ result: "delivered", messageId: expect.any(String), reached: "written", node: "node-a" });
    expect(deliveries).toEqual([
      {
        kind: "deliver",
        identifier: "alice",
        epoch,
        messageId: result.messageId,
        senderId: sender.senderId,
        recorded: false,
        frame,
      },
    ]);
  });

  it("answers 500 concurrent sends of two senders, each with its own receipt", async () => {
    await claimEpoch(stores, "alice", version);
    const answers: ReceiptOutcome[] = ["delivered", "overloaded"];
    await nodeThat("node-a", ({ frame }) => answers[Number(frame.slice(3)) % 2]);
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
    await nodeThat("node-a", () => "overloaded");
    expect(await (await newSender()).sendMessageToClient("alice", "r::x")).toMatchObject({
      result: "overloaded",
      where: "follower",
    });
  });

  it("is routed again, to the new owner, when the session moved while the message was under way", async () => {
    const first = await claimEpoch(stores, "alice", version);
    let second: number | undefined;
    const { deliveries: atOld } = await nodeThat("node-a", async () => {
      second = await claimEpoch(stores, "alice", version, { nodeId: "node-b" });
      return "stale" as const;
    });
    const { deliveries: atNew } = await nodeThat("node-b", () => "delivered");
    const result = await (await newSender()).sendMessageToClient("alice", "r::x");
    expect(result).toMatchObject({ result: "delivered", node: "node-b" });
    const { messageId } = result;
    expect(atOld).toMatchObject([{ epoch: first, messageId, frame: "r::x" }]);
    expect(atNew).toMatchObject([{ epoch: second, messageId, frame: "r::x" }]);
  });

  it("is offline after three answers of stale, and never goes round for ever", async () => {
    await claimEpoch(stores, "alice", version);
    const { deliveries } = await nodeThat("node-a", () => "stale");
    expect(await (await newSender()).sendMessageToClient("alice", "r::x")).toMatchObject({ result: "offline" });
    expect(deliveries).toHaveLength(3);
  });
});

describe("sending many messages in one tick", () => {
  const sends = (sender: MessageSender, messages: readonly (readonly [string, string])[]) =>
    Promise.all(messages.map(([identifier, frame]) => sender.sendMessageToClient(identifier, frame)));

  it("publishes once to each node that holds some of their followers, each frame as it was given, in order", async () => {
    const followers = ["alice", "bob", "carol"];
    const epochs = new Map<string, number>();
    for (const identifier of followers) {
      const trusted = identifier === "alice" ? version : await pairFollower(stores, identifier);
      const nodeId = identifier === "carol" ? "node-b" : "node-a";
      epochs.set(identifier, await claimEpoch(stores, identifier, trusted, { nodeId }));
    }
    const [one, other] = [await nodeThat("node-a", () => "delivered"), await nodeThat("node-b", () => "delivered")];
    const texts = ["", "ascii", "ümläut", "漢字", "👩‍👩‍👧 \u0000", "\n\n1 2 3 alice\n", "a\ud800b", "b sender\n"];
    const messages = texts.flatMap((text) => followers.map((identifier) => [identifier, `r::${text}`] as const));
    const results = await sends(await newSender(), messages);
    expect(results.map((result) => (result.result === "delivered" ? result.node : result))).toEqual(
      messages.map(([identifier]) => (identifier === "carol" ? "node-b" : "node-a")),
    );
    expect([one.publishes, other.publishes]).toEqual([[texts.length * 2], [texts.length]]);
    const heard = [...one.deliveries, ...other.deliveries].map(({ identifier, epoch, frame }) => [
      identifier,
      epoch,
      frame,
    ]);
    const expected = [["alice", "bob"], ["carol"]].flatMap((held) =>
      texts.flatMap((text) => held.map((name) => [name, epochs.get(name), `r::${text}`.toWellFormed()])),
    );
    expect(heard).toEqual(expected);
  });

  it("answers each by itself: those that are offline, unknown, on a dead node or overloaded, too", async () => {
    await claimEpoch(stores, "alice", version);
    await pairFollower(stores, "bob");
    await claimEpoch(stores, "carol", await pairFollower(stores, "carol"), { nodeId: "node-dead" });
    await nodeThat("node-a", ({ frame }) => (frame === "r::4" ? "overloaded" : "delivered"));
    const results = await sends(await newSender(), [
      ["alice", "r::0"],
      ["bob", "r::1"],
      ["mallory", "r::2"],
      ["carol", "r::3"],
      ["alice", "r::4"],
      ["alice", "r::5"],
    ]);
    expect(results).toMatchObject([
      { result: "delivered", reached: "written", node: "node-a" },
      { result: "offline", reached: "accepted", reason: "never_connected" },
      { result: "offline", reached: "accepted", reason: "unknown_identifier" },
      { result: "offline", reached: "accepted", reason: "node_lost", lastNode: "node-dead" },
      { result: "overloaded", reached: "accepted", where: "follower" },
      { result: "delivered", reached: "written", node: "node-a" },
    ]);
  });

  it("never gives Redis more than 256 of them, or a megabyte, at a time, and keeps their order", async () => {
    await claimEpoch(stores, "alice", version);
    const { deliveries, publishes } = await nodeThat("node-a", () => "delivered");
    const sender = await newSender();
    const small = Array.from({ length: 600 }, (_, index) => ["alice", `r::${index}`] as const);
    const large = Array.from({ length: 40 }, (_, index) => ["alice", `r::${index} ${"x".repeat(60_000)}`] as const);
    const results = await sends(sender, [...small, ...large]);
    expect(new Set(results.map(({ result }) => result))).toEqual(new Set(["delivered"]));
    expect(deliveries.map(({ frame }) => frame)).toEqual([...small, ...large].map(([, frame]) => frame));
    expect(Math.max(...publishes)).toBe(256);
    expect(publishes.length).toBeGreaterThanOrEqual(5);
  });

  it("fails together when Redis refuses them, and no other message with them", async () => {
    await claimEpoch(stores, "alice", version);
    const { deliveries } = await nodeThat("node-a", () => "delivered");
    await stores.redis.set(stores.keys.follower("bob").session, "no hash");
    const sender = await newSender();
    const first = Array.from({ length: 256 }, (_, index) => (index === 9 ? "bob" : "alice"));
    const sent = await Promise.allSettled(
      [...first, "alice", "alice"].map((identifier) => sender.sendMessageToClient(identifier, "r::x")),
    );
    expect(sent.slice(0, 256).every(({ status }) => status === "rejected")).toBe(true);
    expect(sent.slice(256)).toMatchObject([{ value: { result: "delivered" } }, { value: { result: "delivered" } }]);
    expect(deliveries).toHaveLength(2);
  });
});

describe("a live message with an id of the sender's own", () => {
  it("is answered under that id, also when another with the same id is under way", async () => {
    await claimEpoch(stores, "alice", version);
    const { deliveries } = await nodeThat("node-a", () => "delivered");
    const sender = await newSender();
    const send = (frame: string) => sender.sendMessageToClient("alice", frame, { messageId: "mine" });
    expect(await Promise.all([send("r::1"), send("r::2")])).toMatchObject([
      { result: "delivered", messageId: "mine" },
      { result: "delivered", messageId: "mine" },
    ]);
    expect(deliveries.map(({ frame }) => frame)).toEqual(["r::1", "r::2"]);
    expect(await sender.getMessage("mine", "alice")).toBeUndefined();
  });
});

describe("a live message of which a record is kept", () => {
  it("is found later by its id alone, with how far it got", async () => {
    const sender = await newSender();
    const send = (identifier: string) => sender.sendMessageToClient(identifier, "r::x", { record: true });
    const offline = await send("alice");
    expect(offline).toMatchObject({ result: "offline", reason: "never_connected" });
    expect(await sender.getMessage(offline.messageId)).toMatchObject({
      messageId: offline.messageId,
      identifier: "alice",
      delivery: "live",
      state: "offline",
      reason: "never_connected",
      bytes: 4,
    });
    await claimEpoch(stores, "alice", version);
    const { deliveries } = await nodeThat("node-a", ({ frame }) => (frame === "r::x" ? "delivered" : undefined));
    const delivered = await send("alice");
    expect(delivered).toMatchObject({ result: "delivered", node: "node-a" });
    expect(await sender.getMessage(delivered.messageId)).toMatchObject({ state: "written", node: "node-a", tries: 1 });
    expect(deliveries).toMatchObject([{ messageId: delivered.messageId, recorded: true }]);
    const late = await sender.sendMessageToClient("alice", "r::y", { record: true, timeoutMs: 1_000 });
    expect(late).toMatchObject({ result: "timeout", reached: "routed" });
    expect(await send("nobody")).toMatchObject({ result: "offline", reason: "unknown_identifier" });
    expect(await sender.getMessage("an-id-of-nothing")).toBeUndefined();
  });

  it("is sent once under one id, and never with another text", async () => {
    await claimEpoch(stores, "alice", version);
    const { deliveries } = await nodeThat("node-a", () => "delivered");
    const sender = await newSender();
    const send = (frame: string) => sender.sendMessageToClient("alice", frame, { record: true, messageId: "mine" });
    expect(await send("r::x")).toEqual({ result: "delivered", messageId: "mine", reached: "written", node: "node-a" });
    expect(await send("r::x")).toMatchObject({
      result: "delivered",
      reached: "written",
      node: "node-a",
      duplicate: true,
    });
    expect(await send("r::y")).toEqual({ result: "id_conflict", messageId: "mine", reached: "accepted" });
    expect(deliveries).toHaveLength(1);
    expect(await sender.getMessage("mine")).toMatchObject({ identifier: "alice", state: "written" });
  });

  it("waits for another one with the same id, so that no receipt is taken for the wrong one", async () => {
    await claimEpoch(stores, "alice", version);
    await claimEpoch(stores, "bob", await pairFollower(stores, "bob"));
    const { deliveries } = await nodeThat("node-a", ({ identifier }) =>
      identifier === "alice" ? undefined : "overloaded",
    );
    const sender = await newSender();
    const send = (identifier: string, timeoutMs: number) =>
      sender.sendMessageToClient(identifier, "r::x", { record: true, messageId: "mine", timeoutMs });
    const sends = ["alice", "alice", "bob"].map((identifier) => send(identifier, 3_600_000));
    expect(await send("bob", 20)).toEqual({ result: "timeout", messageId: "mine", reached: "accepted" });
    await waitFor("the first to be under way", () => deliveries.length === 1);
    await tellSender(stores, sender.senderId, "mine", "delivered");
    expect(await Promise.all(sends)).toMatchObject([
      { result: "delivered" },
      { result: "delivered", duplicate: true },
      { result: "overloaded", where: "follower" },
    ]);
  });

  it("takes a receipt from a queued one with the same id, which ends with what is known of it", async () => {
    await claimEpoch(stores, "alice", version);
    await pairFollower(stores, "bob");
    await nodeThat("node-a", () => "delivered");
    const sender = await newSender();
    const queued = { delivery: "queued", messageId: "mine", waitFor: "acked", timeoutMs: 3_600_000 } as const;
    const toBob = sender.sendMessageToClient("bob", "r::x", queued);
    await waitFor("it to be queued", () => sender.getMessage("mine", "bob"));
    const live = await sender.sendMessageToClient("alice", "r::x", { record: true, messageId: "mine" });
    expect(live).toMatchObject({ result: "delivered", reached: "written" });
    expect(await toBob).toMatchObject({ result: "queued", reached: "queued" });
  });
});

describe("sending to a follower that is not there", () => {
  it("is offline with the reason: unknown, never connected, disconnected, timed out, revoked, not allowed", async () => {
    const sender = await newSender();
    const send = (identifier: string) => sender.sendMessageToClient(identifier, "r::x");
    expect(await send("mallory")).toEqual({
      result: "offline",
      messageId: expect.any(String),
      reached: "accepted",
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
    const { deliveries } = await nodeThat("node-a", () => undefined);
    const sender = await newSender();
    expect(await sender.sendMessageToClient("alice", "r::x", { timeoutMs: 1_000 })).toMatchObject({
      result: "timeout",
      node: "node-a",
    });
    await stores.nodes.release("node-a");
    expect(await sender.sendMessageToClient("alice", "r::x", { timeoutMs: 1_000 })).toMatchObject({
      result: "timeout",
      node: "node-a",
    });
    expect(deliveries).toHaveLength(2);
  });

  it("ends each in its own time, whatever the others have", async () => {
    await claimEpoch(stores, "alice", version);
    await lease("node-a");
    await nodeThat("node-a", () => undefined);
    const sender = await newSender();
    const ended: number[] = [];
    const send = (timeoutMs: number) =>
      sender.sendMessageToClient("alice", "r::x", { timeoutMs }).then(() => ended.push(timeoutMs));
    const forLong = send(3_600_000);
    // Those that are due together end in the order in which they were sent: far enough apart that none is when this process is held up.
    await Promise.all([3_000, 400, 1_500].map(send));
    expect(ended).toEqual([400, 1_500, 3_000]);
    await sender.close();
    await forLong;
  });

  it("takes a receipt that comes too late for nothing", async () => {
    await claimEpoch(stores, "alice", version);
    await lease("node-a");
    const { deliveries } = await nodeThat("node-a", () => undefined);
    const sender = await newSender();
    await sender.sendMessageToClient("alice", "r::x", { timeoutMs: 20 });
    await tellSender(stores, sender.senderId, deliveries[0]?.messageId ?? "", "delivered");
    expect(await sender.sendMessageToClient("alice", "r::y", { timeoutMs: 20 })).toMatchObject({ result: "timeout" });
  });

  it("is overloaded at the sender, at once, over the number of unanswered messages, and takes more after answers", async () => {
    await claimEpoch(stores, "alice", version);
    await lease("node-a");
    let release: (() => void) | undefined;
    const held: Delivery[] = [];
    await nodeThat("node-a", (delivery) => {
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
    const { deliveries } = await nodeThat("node-a", () => undefined);
    const sender = await newSender();
    const sending = sender.sendMessageToClient("alice", "r::x", { timeoutMs: 3_600_000 });
    await waitFor("the message to be under way", () => deliveries.length === 1);
    await sender.close();
    expect(await sending).toMatchObject({ result: "timeout", node: "node-a" });
  });
});

describe("what is no message", () => {
  const bad = (value: unknown) => value as never;
  it.each<[string, string, string, SendOptions?]>([
    ["an identifier that is none", "al ice", "r::x"],
    ["an empty identifier", "", "r::x"],
    ["an identifier with a line feed", "alice\nx", "r::x"],
    ["an identifier that is no text", bad(undefined), "r::x"],
    ["no rule", "alice", "just text"],
    ["an empty rule", "alice", "::x"],
    ["builtin", "alice", "builtin::{}"],
    ["a rule with a control character", "alice", "a\u0007b::x"],
    ["a message that is no text", "alice", bad(["r::x"])],
    ["a frame that is too large", "alice", `r::${"x".repeat(65_536)}`],
    ["a frame that is too large in bytes", "alice", `r::${"漢".repeat(22_000)}`],
    ["a frame that is too large as it is queued", "alice", `r::${"\n".repeat(40_000)}`, { delivery: "queued" }],
    ["a delivery that is none", "alice", "r::x", { delivery: bad("later") }],
    ["an empty id", "alice", "r::x", { messageId: "" }],
    ["an id with a space", "alice", "r::x", { messageId: "a b" }],
    ["an id of 65 characters", "alice", "r::x", { messageId: "a".repeat(65) }],
    ["an id that is no text", "alice", "r::x", { messageId: bad(7) }],
    ["no time to live", "alice", "r::x", { delivery: "queued", ttlMs: 0 }],
    ["a time to live over a year", "alice", "r::x", { delivery: "queued", ttlMs: 31_536_000_001 }],
    ["a time to live that is not whole", "alice", "r::x", { delivery: "queued", ttlMs: 1.5 }],
    ["a time to live that is no number", "alice", "r::x", { delivery: "queued", ttlMs: bad("1h") }],
    ["a time to live of a live message", "alice", "r::x", { ttlMs: 1_000 }],
    ["a wait of a live message", "alice", "r::x", { waitFor: "acked" }],
    ["a wait for what never comes", "alice", "r::x", { delivery: "queued", waitFor: bad("read") }],
    ["a timeout that is no number", "alice", "r::x", { timeoutMs: Number.NaN }],
    ["a timeout below nothing", "alice", "r::x", { timeoutMs: -1 }],
    ["a timeout without an end", "alice", "r::x", { timeoutMs: Number.POSITIVE_INFINITY }],
  ])(
    "is refused with an InvalidMessageError, and nothing is published: %s",
    async (_what, identifier, message, options) => {
      await claimEpoch(stores, "alice", version);
      const { deliveries, queued } = await nodeThat("node-a", () => "delivered");
      const sender = await newSender();
      const refused = sender.sendMessageToClient(identifier, message, options);
      await expect(refused).rejects.toThrow(InvalidMessageError);
      await expect(refused).rejects.toMatchObject({ code: "INVALID_MESSAGE" });
      // A message that is delivered after it shows that nothing came before.
      await sender.sendMessageToClient("alice", "r::after");
      expect(deliveries.map(({ frame }) => frame)).toEqual(["r::after"]);
      expect(queued).toEqual([]);
    },
  );

  it("is no question about a message either: an id that is none, or an identifier", async () => {
    const sender = await newSender();
    await expect(sender.getMessage("a b")).rejects.toMatchObject({ code: "INVALID_MESSAGE" });
    await expect(sender.getMessage("a", "al ice")).rejects.toMatchObject({ code: "INVALID_MESSAGE" });
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
    await nodeThat("node-a", () => "delivered");
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
    const sends = Array.from({ length: 50 }, () => sender.sendMessageToClient("alice", "r::x", { timeoutMs: 1_000 }));
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
    const sending = sender.sendMessageToClient("alice", "r::x", { timeoutMs: 2_000 });
    await waitFor("the message to be under way", () => seen.length === 1);
    await own.kill();
    expect(await sending).toMatchObject({ result: "timeout", node: "node-a" });
    there.close();
    await own.stop();
  });

  it("waits no longer than it may for a Redis that stalls", async () => {
    const own = await startRedis();
    const there = await openStores(own.url);
    const sender = new MessageSender(there.redis, await there.open("subscriber"), there.keys);
    await sender.sendMessageToClient("alice", "r::x");
    await own.pause();
    for (const options of [{}, { record: true }, { delivery: "queued" }] as const) {
      const sending = sender.sendMessageToClient("alice", "r::x", { ...options, timeoutMs: 50 });
      expect(await sending).toEqual({ result: "timeout", messageId: expect.any(String), reached: "accepted" });
    }
    await own.resume();
    await sender.close();
    there.close();
    await own.stop();
  });
});
