import { MessageQueue, RuleConsumer } from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { openStores, type Stores } from "../support/stores.ts";
import { waitFor } from "../support/waitFor.ts";

const RULE = "orders";
const PLACE = { kind: "rule", rule: RULE } as const;
const LIMITS = { maxMessages: 1_000, maxBytes: 1_048_576 };

let server: RedisServer;
let stores: Stores;
beforeAll(async () => {
  server = await startRedis({ persistent: false });
});
afterAll(() => server.stop());
beforeEach(async () => {
  stores = await openStores(server.url);
});
afterEach(() => stores.close());

/** Handles with a handler that fails always, until so many are dead letters. */
async function letDie(contents: readonly string[]): Promise<void> {
  const consumer = new RuleConsumer(stores.redis, await stores.open("blocking"), stores.keys, {
    rule: RULE,
    group: "shop",
    maxTries: 1,
    handler: () => {
      throw new Error("the shop is closed");
    },
    onError: () => {},
  });
  await consumer.start();
  for (const content of contents) await stores.rules.append(RULE, "alice", content, { maxBacklog: 1_000 });
  const { deadLetters } = stores.keys.rule(RULE);
  await waitFor("all to be dead letters", async () => (await stores.redis.xlen(deadLetters)) === contents.length);
  await consumer.stop();
}

async function expire(identifier: string, frames: readonly string[]): Promise<void> {
  const queue = new MessageQueue(stores.redis, stores.keys);
  await stores.trust.allow([identifier]);
  for (const [index, frame] of frames.entries()) {
    const item = { identifier, messageId: `m${index}`, isOwnId: true, frame, ttlMs: 1, senderId: "" };
    expect((await queue.enqueue(item, LIMITS)).outcome).toBe("queued");
  }
  await waitFor("all to expire", async () => {
    await queue.tidy(identifier);
    return (await stores.redis.xlen(stores.keys.follower(identifier).deadLetters)) === frames.length;
  });
}

describe("dead letters of a rule", () => {
  it("are listed with whose they are, why and how often it was tried", async () => {
    await letDie(["one", "two"]);
    expect(await stores.deadLetters.places()).toEqual([{ place: PLACE, count: 2 }]);
    const [first, second] = await stores.deadLetters.list(PLACE, 10);
    expect(first).toMatchObject({
      rule: RULE,
      content: "one",
      identifier: "alice",
      tries: 1,
      reason: "the shop is closed",
    });
    expect(first?.at).toBeGreaterThan((await stores.now()) - 60_000);
    expect(await stores.deadLetters.list(PLACE, 10, first?.id)).toEqual([second]);
  });

  it("that are retried are in the inbox again, in order, and no letters any more", async () => {
    await letDie(["one", "two", "three"]);
    const ids = (await stores.deadLetters.list(PLACE, 10)).map(({ id }) => id);
    const result = await stores.deadLetters.retryForRule(RULE, [...ids.slice(0, 2), "1-1"], 1_000);
    expect(result).toEqual({ retried: 2, missing: 1, refused: 0 });
    const inbox = await stores.redis.xrange(stores.keys.rule(RULE).inbox, "-", "+");
    expect(inbox.map(([, fields]) => fields)).toEqual([
      ["from", "alice", "content", "one"],
      ["from", "alice", "content", "two"],
    ]);
    expect((await stores.deadLetters.list(PLACE, 10)).map(({ content }) => content)).toEqual(["three"]);
  });

  it("for which the inbox has no room stay", async () => {
    await letDie(["one", "two"]);
    const ids = (await stores.deadLetters.list(PLACE, 10)).map(({ id }) => id);
    expect(await stores.deadLetters.retryForRule(RULE, ids, 1)).toEqual({ retried: 1, missing: 0, refused: 1 });
    expect(await stores.deadLetters.list(PLACE, 10)).toMatchObject([{ content: "two" }]);
  });

  it("that are dropped are gone, and so is the place when it is empty", async () => {
    await letDie(["one", "two"]);
    const ids = (await stores.deadLetters.list(PLACE, 10)).map(({ id }) => id);
    expect(await stores.deadLetters.drop(PLACE, ids)).toBe(2);
    expect(await stores.deadLetters.places()).toEqual([]);
    expect(await stores.redis.scard(stores.keys.deadLetterPlaces)).toBe(0);
  });
});

describe("dead letters of a follower", () => {
  it("are listed with their message id, and queued anew in order when they are retried", async () => {
    await expire("alice", ["chat::one", "chat::two::parts"]);
    const place = { kind: "follower", identifier: "alice" } as const;
    expect(await stores.deadLetters.places()).toEqual([{ place, count: 2 }]);
    const letters = await stores.deadLetters.list(place, 10);
    expect(letters).toMatchObject([
      { rule: "chat", content: "one", messageId: "m0", reason: "expired" },
      { rule: "chat", content: "two::parts", messageId: "m1" },
    ]);
    const queue = new MessageQueue(stores.redis, stores.keys);
    const ids = letters.map(({ id }) => id);
    expect(await stores.deadLetters.retryForFollower("alice", ids, queue, LIMITS)).toMatchObject({ retried: 2 });
    const waiting = await queue.read("alice", 0, 10, 100_000);
    expect(waiting.messages.map(({ frame }) => frame)).toEqual(["chat::one", "chat::two::parts"]);
    expect(await stores.deadLetters.list(place, 10)).toEqual([]);
  });

  it("are queued once, though a retry stopped in between and is run again", async () => {
    await expire("alice", ["chat::one"]);
    const place = { kind: "follower", identifier: "alice" } as const;
    const [letter] = await stores.deadLetters.list(place, 1);
    const id = letter?.id ?? "";
    const { deadLetters } = stores.keys.follower("alice");
    const [[, fields] = ["", []]] = await stores.redis.xrange(deadLetters, id, id);
    const queue = new MessageQueue(stores.redis, stores.keys);
    await stores.deadLetters.retryForFollower("alice", [id], queue, LIMITS);
    await stores.redis.del(deadLetters);
    await stores.redis.xadd(deadLetters, id, ...fields);
    expect(await stores.deadLetters.retryForFollower("alice", [id], queue, LIMITS)).toMatchObject({ retried: 1 });
    expect((await queue.read("alice", 0, 10, 100_000)).messages).toHaveLength(1);
  });

  it("stay when the follower is not allowed any more", async () => {
    await expire("alice", ["chat::one"]);
    await stores.trust.disallow("alice");
    const place = { kind: "follower", identifier: "alice" } as const;
    const ids = (await stores.deadLetters.list(place, 10)).map(({ id }) => id);
    const queue = new MessageQueue(stores.redis, stores.keys);
    expect(await stores.deadLetters.retryForFollower("alice", ids, queue, LIMITS)).toMatchObject({ refused: 1 });
    expect(await stores.deadLetters.list(place, 10)).toHaveLength(1);
  });
});
