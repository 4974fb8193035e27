import {
  MessageQueue,
  MessageSender,
  type MessageSenderOptions,
  QUEUE_LIMITS,
  type SendOptions,
} from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { fakeNode, type QueuedDelivery, tellSender } from "../support/fakeNode.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { ageEntries, claimEpoch, openStores, pairFollower, type Stores } from "../support/stores.ts";
import { waitFor } from "../support/waitFor.ts";

let server: RedisServer;
let stores: Stores;
let queue: MessageQueue;
let version: string;
let senders: MessageSender[];
beforeAll(async () => {
  server = await startRedis({ persistent: false });
});
afterAll(() => server.stop());
beforeEach(async () => {
  stores = await openStores(server.url);
  queue = new MessageQueue(stores.redis, stores.keys);
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

const queued = (sender: MessageSender, frame: string, options: SendOptions = {}) =>
  sender.sendMessageToClient("alice", frame, { delivery: "queued", ...options });

/** A node that settles what it is told of, and then tells the sender. */
function settlingNode(outcome: "acked" | "sent") {
  return fakeNode(stores, "node-a", {
    queued: async (delivery) => {
      expect(await settle(delivery, outcome)).toBe("settled");
      return outcome === "acked" ? "acked" : "delivered";
    },
  });
}

const settle = ({ identifier, epoch, messageId }: QueuedDelivery, outcome: "acked" | "sent" | "written") =>
  queue.settle({ identifier, epoch, nodeId: "node-a", messageId, outcome, writtenAgoMs: 0, isNewTry: true });

const waiting = async () => (await queue.read("alice", 0, 1_000, 1_000_000)).messages.map(({ frame }) => frame);

describe("a queued message", () => {
  it("is kept for a follower that is offline, with the next place in its queue", async () => {
    const sender = await newSender();
    const first = await queued(sender, "r::1");
    expect(first).toEqual({ result: "queued", messageId: expect.any(String), reached: "queued", seq: 1 });
    expect(await queued(sender, "r::2")).toMatchObject({ result: "queued", seq: 2 });
    expect(await waiting()).toEqual(["r::1", "r::2"]);
    const record = await sender.getMessage(first.messageId);
    expect(record).toMatchObject({ identifier: "alice", delivery: "queued", state: "queued", seq: 1, tries: 0 });
    expect((record?.expiresAt ?? 0) - (record?.acceptedAt ?? 0)).toBe(86_400_000);
  });

  it("is routed when a node heard of it, and nobody is told what becomes of it unless somebody waits", async () => {
    await claimEpoch(stores, "alice", version);
    const node = await fakeNode(stores, "node-a", {});
    const sender = await newSender();
    expect(await queued(sender, "r::1")).toMatchObject({ result: "queued", reached: "routed", seq: 1 });
    await waitFor("the node to hear of it", () => node.queued.length === 1);
    expect(node.queued).toMatchObject([{ seq: 1, senderId: "", identifier: "alice", frame: "r::1" }]);
  });

  it("keeps to the time and the limits that the sender gives, and says which it met", async () => {
    const sender = await newSender({ queue: { maxMessages: 2, ttlMs: 5_000 } });
    const { messageId } = await queued(sender, "r::1");
    const record = await sender.getMessage(messageId);
    expect((record?.expiresAt ?? 0) - (record?.acceptedAt ?? 0)).toBe(5_000);
    await queued(sender, "r::2", { ttlMs: 1_000 });
    expect(await queued(sender, "r::3")).toEqual({
      result: "overflow",
      messageId: expect.any(String),
      reached: "accepted",
      cap: "messages",
      limit: 2,
    });
    const narrow = await newSender({ queue: { maxBytes: 10 } });
    expect(await queued(narrow, "r::45678")).toMatchObject({ result: "overflow", cap: "bytes", limit: 10 });
    expect(await queued(await newSender(), "r::4")).toMatchObject({ result: "queued", seq: 3 });
    expect(QUEUE_LIMITS).toEqual({ maxMessages: 1_000, maxBytes: 1_048_576 });
  });

  it("is not kept for an identifier that is unknown or not allowed", async () => {
    const sender = await newSender();
    const toNobody = await sender.sendMessageToClient("nobody", "r::x", { delivery: "queued" });
    expect(toNobody).toEqual({
      result: "offline",
      messageId: expect.any(String),
      reached: "accepted",
      reason: "unknown_identifier",
    });
    await stores.trust.disallow("alice");
    expect(await queued(sender, "r::x")).toMatchObject({ result: "offline", reason: "identifier_not_allowed" });
  });

  it("is queued once under one id, whichever process sends it again, and never with another text", async () => {
    const [one, other] = [await newSender(), await newSender()];
    const messageId = "mine";
    expect(await queued(one, "r::x", { messageId })).toEqual({
      result: "queued",
      messageId,
      reached: "queued",
      seq: 1,
    });
    const again = { result: "queued", messageId, reached: "queued", seq: 1, duplicate: true };
    expect(await Promise.all([one, other, one].map((sender) => queued(sender, "r::x", { messageId })))).toEqual(
      Array.from({ length: 3 }, () => again),
    );
    expect(await queued(other, "r::y", { messageId })).toEqual({
      result: "id_conflict",
      messageId,
      reached: "accepted",
    });
    expect(await waiting()).toEqual(["r::x"]);
    expect(await other.getMessage(messageId)).toMatchObject({ identifier: "alice", state: "queued" });
  });

  it("keeps the order of the sends of one tick", async () => {
    const sender = await newSender();
    const frames = Array.from({ length: 300 }, (_, index) => `r::${index}`);
    const results = await Promise.all(frames.map((frame) => queued(sender, frame)));
    expect(results.map((result) => (result.result === "queued" ? result.seq : result))).toEqual(
      frames.map((_, index) => index + 1),
    );
    expect(await waiting()).toEqual(frames);
  });
});

describe("waiting for a queued message", () => {
  it("ends as delivered when the follower acked it, and when its socket took it and no ack will come", async () => {
    await claimEpoch(stores, "alice", version);
    await settlingNode("acked");
    const sender = await newSender();
    const acked = { result: "delivered", messageId: expect.any(String), reached: "acked", node: "node-a", seq: 1 };
    expect(await queued(sender, "r::1", { waitFor: "acked" })).toEqual(acked);
    expect(await queued(sender, "r::2", { waitFor: "written" })).toMatchObject({
      result: "delivered",
      reached: "acked",
    });
    expect(await waiting()).toEqual([]);
  });

  it("for an ack ends as delivered with written where the follower never acks", async () => {
    await claimEpoch(stores, "alice", version);
    await settlingNode("sent");
    const sender = await newSender();
    for (const waitFor of ["written", "acked"] as const) {
      const sent = await queued(sender, "r::x", { waitFor });
      expect(sent).toMatchObject({ result: "delivered", reached: "written", node: "node-a" });
    }
  });

  it("for its write ends before the ack; for its ack it goes on, and is queued and written when time is up", async () => {
    await claimEpoch(stores, "alice", version);
    await fakeNode(stores, "node-a", { queued: () => "written" });
    const sender = await newSender();
    expect(await queued(sender, "r::1", { waitFor: "written" })).toMatchObject({
      result: "delivered",
      reached: "written",
      node: "node-a",
      seq: 1,
    });
    expect(await queued(sender, "r::2", { waitFor: "acked", timeoutMs: 1_000 })).toMatchObject({
      result: "queued",
      reached: "written",
      seq: 2,
    });
  });

  it("goes on while the follower is away, and ends when it is back", async () => {
    const sender = await newSender();
    const sending = queued(sender, "r::x", { waitFor: "acked", timeoutMs: 3_600_000 });
    await waitFor("it to be queued", async () => (await waiting()).length === 1);
    const epoch = await claimEpoch(stores, "alice", version);
    const [entry] = (await queue.read("alice", 0, 1, 1_000)).messages;
    expect(entry?.senderId).toBe(sender.senderId);
    const messageId = entry?.messageId ?? "";
    await settle({ kind: "queued", identifier: "alice", epoch, messageId, seq: 1, senderId: "", frame: "" }, "acked");
    await tellSender(stores, sender.senderId, messageId, "acked");
    expect(await sending).toEqual({ result: "delivered", messageId, reached: "acked", node: "node-a", seq: 1 });
  });

  it("is told by the record what a lost receipt would have told", async () => {
    await claimEpoch(stores, "alice", version);
    const { queued: heard } = await fakeNode(stores, "node-a", {});
    const sender = await newSender();
    const sending = queued(sender, "r::x", { waitFor: "acked", timeoutMs: 3_600_000 });
    const delivery = await waitFor("it to be under way", () => heard[0]);
    await settle(delivery, "acked");
    expect(await sending).toMatchObject({ result: "delivered", reached: "acked", node: "node-a" });
  });

  it("ends with what the receipt says when its record went before it could be asked", async () => {
    await claimEpoch(stores, "alice", version);
    const { queued: heard } = await fakeNode(stores, "node-a", {});
    const sender = await newSender();
    const ends = {
      acked: { result: "delivered", reached: "acked", node: "node-a" },
      delivered: { result: "delivered", reached: "written", node: "node-a" },
      expired: { result: "expired", reached: "expired" },
      rejected: { result: "rejected", reached: "rejected", reason: "" },
    } as const;
    for (const [place, [receipt, end]] of Object.entries(ends).entries()) {
      const sending = queued(sender, "r::x", { waitFor: "acked", timeoutMs: 30_000 });
      const { messageId } = await waitFor("it to be under way", () => heard[place]);
      await stores.redis.hdel(stores.keys.follower("alice").messages, messageId);
      await tellSender(stores, sender.senderId, messageId, receipt as keyof typeof ends);
      expect(await sending).toMatchObject(end);
    }
  });

  it("ends with expired or rejected, and why", async () => {
    const epoch = await claimEpoch(stores, "alice", version);
    const { queued: heard } = await fakeNode(stores, "node-a", {});
    const sender = await newSender();
    const rejecting = queued(sender, "r::1", { waitFor: "acked" });
    const { messageId } = await waitFor("it to be under way", () => heard[0]);
    const details = { identifier: "alice", epoch, nodeId: "node-a", messageId, writtenAgoMs: 0, isNewTry: true };
    await queue.reject({ ...details, reason: "no such thing" });
    expect(await rejecting).toEqual({ result: "rejected", messageId, reached: "rejected", reason: "no such thing" });

    const expiring = queued(sender, "r::2", { waitFor: "written", ttlMs: 1 });
    await waitFor("it to be under way", () => heard[1]);
    await ageEntries(stores, stores.keys.follower("alice").queueDue, 1_000);
    await waitFor("it to expire", async () => (await queue.tidy("alice")).expired === 1);
    const expired = await expiring;
    expect(expired).toMatchObject({ result: "expired", reached: "expired" });
    const { messageId: old } = expired;
    expect(await queued(sender, "r::2", { messageId: old })).toMatchObject({ result: "expired", duplicate: true });
    expect(await queued(sender, "r::1", { messageId })).toMatchObject({ result: "rejected", duplicate: true });
  });

  it("that was sent before ends with what became of the first", async () => {
    await claimEpoch(stores, "alice", version);
    const { queued: heard } = await fakeNode(stores, "node-a", {});
    const [one, other] = [await newSender(), await newSender()];
    const options = { messageId: "mine", waitFor: "acked", timeoutMs: 3_600_000 } as const;
    const first = queued(one, "r::x", options);
    const delivery = await waitFor("it to be under way", () => heard[0]);
    const again = [queued(one, "r::x", options), queued(other, "r::x", options)];
    expect(await settle(delivery, "acked")).toBe("settled");
    await tellSender(stores, one.senderId, "mine", "acked");
    const end = { result: "delivered", messageId: "mine", reached: "acked", node: "node-a", seq: 1 };
    expect(await first).toEqual(end);
    expect(await Promise.all(again)).toEqual([
      { ...end, duplicate: true },
      { ...end, duplicate: true },
    ]);
    expect(heard).toHaveLength(1);
  });

  it("is not misled by what becomes of another follower's message with the same id", async () => {
    await claimEpoch(stores, "alice", version);
    await pairFollower(stores, "bob");
    const { queued: heard } = await fakeNode(stores, "node-a", {});
    const sender = await newSender();
    const options = { delivery: "queued", messageId: "mine", waitFor: "written" } as const;
    const toBob = sender.sendMessageToClient("bob", "r::x", { ...options, timeoutMs: 2_000 });
    const toAlice = sender.sendMessageToClient("alice", "r::x", { ...options, timeoutMs: 3_600_000 });
    const delivery = await waitFor("alice's to be under way", () => heard[0]);
    await settle(delivery, "acked");
    for (const outcome of ["written", "acked"] as const) await tellSender(stores, sender.senderId, "mine", outcome);
    expect(await toAlice).toMatchObject({ result: "delivered", reached: "acked" });
    expect(await toBob).toMatchObject({ result: "queued", reached: "queued" });
  });

  it("ends with what is known when the sender closes", async () => {
    const sender = await newSender();
    const sending = queued(sender, "r::x", { waitFor: "acked", timeoutMs: 3_600_000 });
    await waitFor("it to be queued", async () => (await waiting()).length === 1);
    await sender.close();
    expect(await sending).toMatchObject({ result: "queued", reached: "queued", seq: 1 });
  });
});

describe("a queued message whose answer is lost", () => {
  it("is an error that says so, has its id, and is safe to send again under it", async () => {
    const own = await startRedis();
    const there = await openStores(own.url);
    await pairFollower(there, "alice");
    const sender = new MessageSender(there.redis, await there.open("subscriber"), there.keys);
    await sender.sendMessageToClient("alice", "r::x");
    await own.pause();
    const sending = queued(sender, "r::x", { timeoutMs: 10_000 });
    const failed = sending.catch((error: unknown) => error);
    await new Promise((resolve) => setImmediate(resolve));
    await own.kill();
    const error = await failed;
    expect(error).toMatchObject({ code: "MAYBE_QUEUED", messageId: expect.any(String), cause: expect.any(Error) });
    const { messageId, message } = error as Error & { messageId: string };
    expect(message).toContain(messageId);
    await own.restart();
    const again = await queued(sender, "r::x", { messageId });
    expect(again).toMatchObject({ result: "queued", messageId });
    const { messages } = await new MessageQueue(there.redis, there.keys).read("alice", 0, 10, 1_000);
    expect(messages.map(({ frame }) => frame)).toEqual(["r::x"]);
    await sender.close();
    there.close();
    await own.stop();
  });

  it("that Redis refused was not queued, and the error is its own", async () => {
    const own = await startRedis({ persistent: false });
    const there = await openStores(own.url);
    await pairFollower(there, "alice");
    const sender = new MessageSender(there.redis, await there.open("subscriber"), there.keys);
    await own.command("CONFIG", "SET", "maxmemory", "100kb");
    await expect(queued(sender, "r::x")).rejects.toThrow(/^OOM/u);
    await sender.close();
    there.close();
    await own.stop();
  });
});
