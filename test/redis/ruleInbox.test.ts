import { type GivenMessage, RuleInbox } from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { openStores, type Stores } from "../support/stores.ts";

const RULE = "orders";
const GROUP = "shop";
const LEASE_MS = 60_000;
const ROOM = { lanes: 16, messages: 256 };
const MAX_TRIES = 3;

let server: RedisServer;
let stores: Stores;
let inbox: RuleInbox;
beforeAll(async () => {
  server = await startRedis({ persistent: false });
});
afterAll(() => server.stop());
beforeEach(async () => {
  stores = await openStores(server.url);
  inbox = new RuleInbox(stores.redis, stores.keys, RULE, GROUP);
  for (const replica of ["one", "two"]) await stores.rules.hold(RULE, GROUP, replica, LEASE_MS);
});
afterEach(() => stores.close());

const own = () => stores.keys.rule(RULE);
const append = async (identifier: string, ...contents: string[]) => {
  for (const content of contents) {
    expect(await stores.rules.append(RULE, identifier, content, { maxBacklog: 10_000 })).toBe("appended");
  }
};
const taken = async (replica: string, room: { lanes: number; messages: number } = ROOM) => {
  const result = await inbox.take(replica, room);
  if (result.outcome !== "taken") throw new Error(`${replica} was given nothing: ${result.outcome}`);
  return [...result.messages];
};
const only = (messages: readonly GivenMessage[]): GivenMessage => {
  const [first] = messages;
  if (first === undefined || messages.length !== 1) throw new Error(`${messages.length} messages in place of one`);
  return first;
};
const texts = (messages: readonly GivenMessage[]) => messages.map((each) => `${each.identifier}:${each.content}`);
const lapse = (replica: string) => stores.redis.zadd(own().replicas, 1_000, replica);
const park = (replica: string) => stores.rules.park(RULE, replica, MAX_TRIES);
const letters = async () =>
  (await stores.redis.xrange(own().deadLetters, "-", "+")).map(([, fields]) =>
    Object.fromEntries(fields.flatMap((field, index) => (index % 2 === 0 ? [[field, fields[index + 1]]] : []))),
  );
const consumers = async () =>
  ((await stores.redis.xinfo("CONSUMERS", own().inbox, GROUP)) as unknown[][]).map(([, name]) => name);
const leavesNothing = async () => {
  const { inbox: stream, lanes, waiting, ready, tries } = own();
  expect(await stores.redis.xlen(stream)).toBe(0);
  expect(await stores.redis.exists(lanes, waiting, ready, tries)).toBe(0);
  expect(await stores.redis.xpending(stream, GROUP)).toEqual([0, null, null, null]);
};

describe("messages that are taken", () => {
  it("are those of a follower in order, to one replica at a time, and of other followers to others", async () => {
    await append("alice", "1", "2");
    await append("bob", "1");
    const first = await taken("one", { lanes: 1, messages: 256 });
    expect(texts(first)).toEqual(["alice:1"]);
    expect(texts(await taken("two"))).toEqual(["bob:1"]);
    // Alice's second is not lost on the way: it is hers, and waits until the first is done with.
    expect(texts(await taken("two"))).toEqual([]);
    expect(await inbox.ack("one", first)).toBe(1);
    expect(texts(await taken("two"))).toEqual(["alice:2"]);
  });

  it("go to whichever asks first once their lane is free, and never to two", async () => {
    for (let index = 0; index < 50; index++) await append("alice", String(index));
    const all: string[] = [];
    while (all.length < 50) {
      const both = await Promise.all(["one", "two"].map(async (replica) => ({ replica, given: await taken(replica) })));
      const [winner, ...others] = both.filter(({ given }) => given.length > 0);
      expect(others).toEqual([]);
      if (winner === undefined) throw new Error("nobody was given anything");
      all.push(...winner.given.map(({ content }) => content));
      await inbox.ack(winner.replica, winner.given);
    }
    expect(all).toEqual(Array.from({ length: 50 }, (_, index) => String(index)));
    await leavesNothing();
  });

  it("are few of one follower at once, so that one who sends many keeps nobody waiting", async () => {
    for (let index = 0; index < 300; index++) await append("alice", String(index));
    await append("bob", "1");
    const seen = new Set<string>();
    for (let takes = 0; takes < 400 && !seen.has("bob"); takes++) {
      for (const { identifier } of await taken("one", { lanes: 1, messages: 256 })) seen.add(identifier);
    }
    expect(seen).toEqual(new Set(["alice", "bob"]));
    // What was read on the way to Bob's waits, in order.
    await inbox.ack("one", await inbox.held("one"));
    const next = await taken("two");
    expect(next.map(({ content }) => content)).toEqual(["8", "9", "10", "11", "12", "13", "14", "15"]);
  });

  it("are in the order of their ids as numbers, where they waited", async () => {
    const ids = ["9-9", "9-10", "10-1", "10-2", "100-0", "1000-11", "1000-100"];
    for (const id of ids) await stores.redis.xadd(own().inbox, id, "from", "alice", "content", id);
    await taken("one", { lanes: 1, messages: 1 });
    await taken("two");
    await stores.rules.leave(RULE, "one");
    expect((await taken("two")).map(({ id }) => id)).toEqual(ids);
  });

  it("say up to where all was read when there is no more, and not before", async () => {
    await append("alice", "1", "2");
    await append("bob", "1");
    expect(await inbox.take("one", { lanes: 1, messages: 1 })).toMatchObject({ readUpTo: undefined });
    const last = (await stores.redis.xrevrange(own().inbox, "+", "-", "COUNT", 1))[0]?.[0];
    expect(await inbox.take("one", ROOM)).toMatchObject({ outcome: "taken", readUpTo: last });
  });

  it("are none of a replica whose lease is over", async () => {
    await append("alice", "1");
    await lapse("one");
    expect(await inbox.take("one", ROOM)).toEqual({ outcome: "lapsed" });
    expect(await inbox.take("never held it", ROOM)).toEqual({ outcome: "lapsed" });
    expect(texts(await taken("two"))).toEqual(["alice:1"]);
  });

  it("are known to Redis for one whose answer was lost, however many", async () => {
    const followers = Array.from({ length: 300 }, (_, index) => `follower-${index}`);
    for (const follower of followers) await append(follower, "1");
    for (let takes = 0; takes < 2; takes++) await taken("one", { lanes: 200, messages: 256 });
    const held = await inbox.held("one");
    expect(held.map(({ identifier }) => identifier)).toEqual(followers);
    expect(await inbox.held("two")).toEqual([]);
  });
});

describe("an ack", () => {
  it("of a message that was parked meanwhile counts, and nobody handles it again", async () => {
    await append("alice", "1", "2");
    const given = await taken("one");
    await lapse("one");
    await park("one");
    await inbox.ack("one", given.slice(0, 1));
    expect(texts(await taken("two"))).toEqual(["alice:2"]);
    await inbox.ack("two", given.slice(1));
    await leavesNothing();
  });

  it("of a message that another replica was given changes nothing", async () => {
    await append("alice", "1", "2");
    const given = await taken("one");
    await lapse("one");
    await park("one");
    expect((await taken("two")).map(({ tries }) => tries)).toEqual([1]);
    expect(await inbox.ack("one", given.slice(0, 1))).toBe(0);
    expect(await stores.redis.xlen(own().inbox)).toBe(2);
    // Unless that one is lost by now, too.
    await lapse("two");
    await inbox.ack("one", given);
    await stores.rules.hold(RULE, GROUP, "three", LEASE_MS);
    await leavesNothing();
  });

  it("that comes twice, or of what is not there, changes nothing", async () => {
    await append("alice", "1", "2", "3");
    const given = await taken("one");
    for (let times = 0; times < 2; times++) await inbox.ack("one", given.slice(0, 1));
    expect(await stores.redis.hget(own().lanes, "alice")).toBe("one 2");
    await inbox.ack("one", [{ id: "1-1", identifier: "alice" }]);
    await inbox.ack("one", given.slice(1));
    await leavesNothing();
  });
});

describe("a message whose handler fails", () => {
  it("keeps its lane, counts each try once, and is a dead letter after the last, with the reason", async () => {
    await stores.rules.append(RULE, "alice", "the content", { maxBacklog: 10, messageId: "id-1" });
    await append("alice", "2");
    const [first] = await taken("one", { lanes: 1, messages: 1 });
    if (first === undefined) throw new Error("nothing was given");
    const fail = (attempt: number) => inbox.fail("one", first, attempt, `reason ${attempt}`, MAX_TRIES);
    expect(await fail(1)).toEqual({ outcome: "again", tries: 1 });
    // The answer was lost, and the replica says so again.
    expect(await fail(1)).toEqual({ outcome: "again", tries: 1 });
    expect(await fail(2)).toEqual({ outcome: "again", tries: 2 });
    expect(texts(await taken("two"))).toEqual([]);
    expect(await stores.redis.exists(stores.keys.deadLetterPlaces)).toBe(0);
    expect(await fail(3)).toEqual({ outcome: "dead" });
    expect(await fail(3)).toEqual({ outcome: "gone" });
    expect(await letters()).toEqual([
      { from: "alice", content: "the content", messageId: "id-1", tries: "3", reason: "reason 3" },
    ]);
    expect(await stores.redis.smembers(stores.keys.deadLetterPlaces)).toEqual([`rule ${RULE}`]);
    const second = only(await taken("two"));
    expect(second).toMatchObject({ content: "2", tries: 0 });
    await inbox.ack("two", [second]);
    await leavesNothing();
  });

  it("is not its replica's to fail once another has it", async () => {
    await append("alice", "1");
    const message = only(await taken("one"));
    await lapse("one");
    await park("one");
    expect(await inbox.fail("one", message, 3, "a reason", MAX_TRIES)).toEqual({ outcome: "gone" });
    expect(only(await taken("two"))).toMatchObject({ tries: 1 });
    expect(await inbox.fail("one", message, 3, "a reason", MAX_TRIES)).toEqual({ outcome: "gone" });
    expect(await letters()).toEqual([]);
  });

  it("pushes the oldest of 1,000 dead letters out, which is counted", async () => {
    for (let index = 0; index < 1_000; index++)
      await stores.redis.xadd(own().deadLetters, "*", "content", String(index));
    for (const content of ["a", "b"]) {
      await append("alice", content);
      expect(await inbox.fail("one", only(await taken("one")), 1, "a reason", 1)).toEqual({ outcome: "dead" });
    }
    expect(await stores.redis.xlen(own().deadLetters)).toBe(1_000);
    expect((await letters())[0]).toEqual({ content: "2" });
    expect(await stores.redis.hget(own().holder, "deadDropped")).toBe("2");
  });
});

describe("a replica that is parked", () => {
  it("lost a try of the first message of each of its lanes, when it was lost, and of none, when it left", async () => {
    await append("alice", "1", "2");
    await append("bob", "1");
    await taken("one");
    await lapse("one");
    await park("one");
    // Whose was there first is not told apart within a millisecond.
    expect(only(await taken("two"))).toMatchObject({ content: "1", tries: 1 });
    await stores.rules.leave(RULE, "two");
    await stores.rules.hold(RULE, GROUP, "three", LEASE_MS);
    const again: unknown[] = [];
    for (let takes = 0; takes < 3; takes++) {
      const given = await taken("three");
      again.push(...given.map(({ identifier, content, tries }) => [identifier, content, tries]));
      await inbox.ack("three", given);
    }
    expect(again.slice(0, 2).sort()).toEqual([
      ["alice", "1", 1],
      ["bob", "1", 1],
    ]);
    expect(again.slice(2)).toEqual([["alice", "2", 0]]);
  });

  it("has its first messages given alone from then on, until they are acked or fail, while others go on elsewhere", async () => {
    await append("alice", "1");
    await append("bob", "1");
    await taken("one");
    await stores.rules.hold(RULE, GROUP, "three", LEASE_MS);
    await append("carol", "1", "2");
    const carols = await taken("three", { lanes: 1, messages: 1 });
    await lapse("one");
    await park("one");
    // The first by name makes room for a suspect, and has something now.
    expect(await inbox.take("three", ROOM)).toEqual({ outcome: "alone" });
    await inbox.ack("three", carols);
    const suspects = [await taken("three"), await taken("two")].map((given) => only(given).identifier);
    expect(suspects.toSorted()).toEqual(["alice", "bob"]);
    await append("dave", "1");
    for (const replica of ["two", "three"]) expect(await inbox.take(replica, ROOM)).toEqual({ outcome: "alone" });
    // It did not end its replica.
    const suspect = only(await inbox.held("three"));
    expect(await inbox.fail("three", suspect, 2, "a reason", MAX_TRIES)).toEqual({ outcome: "again", tries: 2 });
    expect(texts(await taken("three")).toSorted()).toEqual(["carol:2", "dave:1"]);
  });

  it("takes no message with it that was only there, when another one ends replica after replica", async () => {
    for (let index = 0; index < 15; index++) await append(`good-${index}`, "work");
    await append("bad", "poison");
    const handled: string[] = [];
    const left = async () => (await stores.redis.xlen(own().inbox)) > 0;
    await stores.rules.leave(RULE, "one");
    await stores.rules.leave(RULE, "two");
    let lost = 0;
    for (; lost < 20 && (await left()); lost++) {
      const replica = `replica-${lost}`;
      await stores.rules.hold(RULE, GROUP, replica, LEASE_MS);
      for (let given = await taken(replica); given.length > 0; given = await taken(replica)) {
        if (given.some(({ content }) => content === "poison")) break;
        handled.push(...texts(given));
        await inbox.ack(replica, given);
      }
      await lapse(replica);
      await park(replica);
    }
    expect(await letters()).toEqual([{ from: "bad", content: "poison", tries: "3", reason: "replica_lost" }]);
    expect(handled.toSorted()).toEqual(Array.from({ length: 15 }, (_, index) => `good-${index}:work`).toSorted());
    expect(lost).toBe(MAX_TRIES);
    await leavesNothing();
  });

  it("charges nobody the last try who was not alone, however often", async () => {
    await append("alice", "1");
    await append("bob", "1");
    const failed = (await taken("one")).map((message) => inbox.fail("one", message, 2, "a reason", MAX_TRIES));
    await Promise.all(failed);
    await lapse("one");
    await park("one");
    expect(await letters()).toEqual([]);
    const alone = only(await taken("two"));
    expect(alone).toMatchObject({ tries: 2 });
    await lapse("two");
    await park("two");
    expect(await letters()).toMatchObject([{ from: alone.identifier, tries: "3", reason: "replica_lost" }]);
  });

  it("leaves no lane behind when a message that it had was deleted by hand", async () => {
    await append("alice", ...Array.from({ length: 10 }, (_, index) => String(index)));
    await append("bob", "1");
    const given = await taken("one", { lanes: 2, messages: 256 });
    const [bobs] = given.filter(({ identifier }) => identifier === "bob");
    await append("bob", "2");
    await taken("two");
    for (const message of [given[3], bobs]) await stores.redis.xdel(own().inbox, message?.id ?? "");
    await lapse("one");
    await park("one");
    expect(await stores.redis.exists(own().lanes)).toBe(0);
    const contents: string[] = [];
    for (let takes = 0; takes < 4; takes++) {
      const next = await taken("two");
      contents.push(...texts(next));
      await inbox.ack("two", next);
    }
    expect(contents.toSorted()).toEqual([..."012456789"].map((each) => `alice:${each}`).concat("bob:2"));
    await leavesNothing();
  });

  it("is not, while its lease is live", async () => {
    await append("alice", "1");
    const given = await taken("one");
    await park("one");
    expect(await inbox.held("one")).toEqual(given);
  });

  it("leaves a dead letter of a message that was lost with its replica too often, and its lane goes on", async () => {
    await append("alice", "1", "2");
    for (let times = 1; times <= MAX_TRIES; times++) {
      await stores.rules.hold(RULE, GROUP, `unlucky-${times}`, LEASE_MS);
      await taken(`unlucky-${times}`, { lanes: 1, messages: 1 });
      await lapse(`unlucky-${times}`);
      // Several others find it at once.
      await Promise.all([1, 2, 3].map(() => park(`unlucky-${times}`)));
    }
    expect(await letters()).toEqual([{ from: "alice", content: "1", tries: "3", reason: "replica_lost" }]);
    expect(await stores.redis.smembers(stores.keys.deadLetterPlaces)).toEqual([`rule ${RULE}`]);
    expect(only(await taken("two"))).toMatchObject({ content: "2", tries: 0 });
  });

  it("is gone from the group afterwards, however much it had, and nothing overtakes while it goes", async () => {
    const followers = Array.from({ length: 50 }, (_, index) => `follower-${index}`);
    const appendEach = async (content: string) => {
      for (const follower of followers) await append(follower, content);
    };
    for (const content of ["1", "2", "3", "4", "5", "6"]) await appendEach(content);
    for (let takes = 0; takes < 6; takes++) await taken("one", { lanes: 50, messages: 256 });
    expect(await inbox.held("one")).toHaveLength(300);
    await appendEach("7");
    await lapse("one");

    const order = new Map<string, string[]>();
    const tries = new Map<string, number>();
    const parked = park("one");
    for (let handled = 0; handled < 350; ) {
      const given = await taken("two", { lanes: 100, messages: 256 });
      handled += given.length;
      for (const { identifier, content, tries: failed } of given) {
        order.set(identifier, [...(order.get(identifier) ?? []), content]);
        tries.set(identifier, (tries.get(identifier) ?? 0) + failed);
      }
      await inbox.ack("two", given);
    }
    await parked;
    expect(await consumers()).not.toContain("one");
    expect(await stores.redis.zscore(own().replicas, "one")).toBeNull();
    expect(order.size).toBe(50);
    for (const contents of order.values()) expect(contents).toEqual(["1", "2", "3", "4", "5", "6", "7"]);
    for (const failed of tries.values()) expect(failed).toBe(1);
    await leavesNothing();
  });

  it("is found by the next renewal of another, unless it had nothing: then it is forgotten at once", async () => {
    await append("alice", "1");
    await taken("one");
    await stores.rules.hold(RULE, GROUP, "idle", LEASE_MS);
    for (const replica of ["one", "idle"]) await lapse(replica);
    expect(await stores.rules.hold(RULE, GROUP, "two", LEASE_MS, true)).toEqual({ outcome: "held", lapsed: ["one"] });
    expect(await stores.redis.zscore(own().replicas, "idle")).toBeNull();
    expect(await consumers()).toContain("one");
    expect(await stores.rules.hold(RULE, GROUP, "two", LEASE_MS, true)).toEqual({ outcome: "held", lapsed: ["one"] });
    await park("one");
    expect(await stores.rules.hold(RULE, GROUP, "two", LEASE_MS, true)).toEqual({ outcome: "held", lapsed: [] });
  });
});
