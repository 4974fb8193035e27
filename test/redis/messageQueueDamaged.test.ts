import { MessageQueue, MessageSender, QUEUE_LIMITS } from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { claimEpoch, openStores, pairFollower, type Stores } from "../support/stores.ts";
import { contents, enqueue, enqueueExpired, message, settle } from "./messageQueueFixture.ts";

let server: RedisServer;
let stores: Stores;
let queue: MessageQueue;
beforeAll(async () => {
  server = await startRedis({ persistent: false });
});
afterAll(() => server.stop());
beforeEach(async () => {
  stores = await openStores(server.url);
  await stores.trust.allow(["alice", "bob", "carol"]);
  queue = new MessageQueue(stores.redis, stores.keys);
});
afterEach(() => stores.close());

const settled = async (outcomes: readonly Promise<unknown>[]) =>
  (await Promise.allSettled(outcomes)).map((each) => (each.status === "fulfilled" ? each.value : "failed"));

describe("a follower whose keys are damaged", () => {
  it("fails alone: messages of the same call for others, before and after it, are queued", async () => {
    await stores.redis.set(stores.keys.follower("bob").messages, "no hash");
    const sender = new MessageSender(stores.redis, await stores.open("subscriber"), stores.keys);
    const send = (identifier: string) => sender.sendMessageToClient(identifier, "r::x", { delivery: "queued" });
    const sends = ["alice", "bob", "carol"].map(send);
    await expect(sends[1]).rejects.toMatchObject({ code: "MAYBE_QUEUED", cause: { name: "ReplyError" } });
    const queued = { result: "queued", messageId: expect.any(String), reached: "queued", seq: 1 };
    expect([await sends[0], await sends[2]]).toEqual([queued, queued]);
    for (const name of ["alice", "carol"]) expect((await contents(stores, name)).queue).toHaveLength(1);
    await sender.close();
  });

  it("whose script stopped half-way may have the message: the sender hears that, and not that nothing was done", async () => {
    // The last write of the script for a message that expires before those ahead of it.
    await enqueue(queue, "later");
    await stores.redis.set(stores.keys.follower("alice").queueDue, "no sorted set");
    const sender = new MessageSender(stores.redis, await stores.open("subscriber"), stores.keys);
    const sending = sender.sendMessageToClient("alice", "r::x", { delivery: "queued", ttlMs: 60_000 });
    await expect(sending).rejects.toMatchObject({ code: "MAYBE_QUEUED" });
    expect(await stores.redis.xlen(stores.keys.follower("alice").queue)).toBe(2);
    await sender.close();
  });

  it("does not keep those from being settled that share a call with it, each with its own outcome", async () => {
    const epochs = new Map<string, number>();
    for (const name of ["alice", "bob", "carol"]) {
      epochs.set(name, await claimEpoch(stores, name, await pairFollower(stores, name)));
      for (const id of ["acked", "sent", "before"]) await enqueue(queue, `${id}-${name}`, { identifier: name });
      await settle(queue, epochs.get(name) ?? 0, `before-${name}`, { identifier: name });
    }
    await stores.redis.hset(stores.keys.follower("bob").messages, "#waiting", "damaged");
    const outcomes = ["alice", "bob", "carol"].flatMap((identifier) =>
      [
        ["acked", "acked"],
        ["sent", "sent"],
        ["nothing", "acked"],
        ["before", "sent"],
      ].map(([id, outcome]) =>
        settle(queue, epochs.get(identifier) ?? 0, `${id}-${identifier}`, {
          identifier,
          outcome: outcome as "acked" | "sent",
        }),
      ),
    );
    const each = ["settled", "settled", "unknown", "already"];
    expect(await settled(outcomes)).toEqual([...each, ...each.map(() => "failed"), ...each]);
    for (const name of ["alice", "carol"]) expect((await contents(stores, name)).queue).toEqual([]);
  });

  it("that finds its queue full, and cannot be tidied, fails what found no room and nothing else of the call", async () => {
    const limits = { ...QUEUE_LIMITS, maxMessages: 2 };
    await enqueueExpired(stores, queue, ["late"]);
    await stores.redis.set(stores.keys.follower("alice").gaps, "no sorted set");
    const outcomes = await settled(["a", "b"].map((id) => queue.enqueue(message(id), limits)));
    expect(outcomes).toEqual([{ outcome: "queued", seq: 2 }, "failed"]);
    expect(await queue.record("a")).toMatchObject({ state: "queued" });
  });
});
