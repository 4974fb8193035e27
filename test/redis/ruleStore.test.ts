import { type AppendOptions, type GivenMessage, RuleInbox } from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { ageEntries, openStores, type Stores } from "../support/stores.ts";

const RULE = "orders";
const LEASE_MS = 60_000;
const ROOM = 1_000;

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

const hold = (group: string, replica: string, renews = false) =>
  stores.rules.hold(RULE, group, replica, LEASE_MS, renews);
const lapse = () => ageEntries(stores, stores.keys.rule(RULE).replicas, LEASE_MS + 1);
const append = (content: string, options: Partial<AppendOptions> = {}, identifier = "alice") =>
  stores.rules.append(RULE, identifier, content, { maxBacklog: ROOM, ...options });
const inboxOf = (group: string) => new RuleInbox(stores.redis, stores.keys, RULE, group);
const take = async (group: string, replica: string) => {
  const taken = await inboxOf(group).take(replica, { lanes: 100, messages: 100 });
  return taken.outcome === "taken" ? taken.messages : [];
};
const contents = (messages: readonly GivenMessage[]) => messages.map(({ content }) => content);

describe("holding a rule", () => {
  it("is shared by the replicas of one group, and refused to another group while one of their leases is live", async () => {
    expect(await hold("shop", "one")).toMatchObject({ outcome: "held" });
    expect(await hold("shop", "two")).toMatchObject({ outcome: "held" });
    expect(await hold("spy", "three")).toEqual({ outcome: "refused", heldBy: "shop" });
    await stores.rules.leave(RULE, "one");
    expect(await hold("spy", "three")).toEqual({ outcome: "refused", heldBy: "shop" });
    expect(await stores.rules.list()).toEqual([
      { rule: RULE, group: "shop", replicas: ["two"], backlog: 0, deadLetters: 0 },
    ]);
  });

  it("is won by one of 20 groups that come at once", async () => {
    const results = await Promise.all(Array.from({ length: 20 }, (_, index) => hold(`group${index}`, `r${index}`)));
    const [winner] = results.flatMap((result, index) => (result.outcome === "held" ? [`group${index}`] : []));
    expect(results.filter(({ outcome }) => outcome === "held")).toHaveLength(1);
    for (const result of results) if (result.outcome === "refused") expect(result.heldBy).toBe(winner);
  });

  it("may be taken over by another group after all leases lapsed, with what waits, read or not, and nothing of the old one", async () => {
    await hold("shop", "one");
    for (const content of ["first", "second", "third"]) await append(content);
    // The old replica was given all of it, failed one try, and died.
    const [first] = await take("shop", "one");
    if (first === undefined) throw new Error("nothing was given");
    expect(await inboxOf("shop").fail("one", first, 1, "a reason", 5)).toEqual({ outcome: "again", tries: 1 });
    await lapse();
    expect(await hold("store", "two")).toEqual({ outcome: "held", lapsed: [] });
    const { lanes, waiting, ready, tries } = stores.keys.rule(RULE);
    expect(await stores.redis.exists(lanes, waiting, ready, tries)).toBe(0);
    const given = await take("store", "two");
    expect(contents(given)).toEqual(["first", "second", "third"]);
    expect(given.map((message) => message.tries)).toEqual([0, 0, 0]);
    expect(await hold("shop", "one", true)).toEqual({ outcome: "refused", heldBy: "store" });
    // What the old one acks now is the other group's to handle.
    await inboxOf("shop").ack("one", given);
    expect(await stores.redis.xlen(stores.keys.rule(RULE).inbox)).toBe(3);
  });

  it("goes on for the same group after a lapse, without giving again what was acked", async () => {
    await hold("shop", "one");
    await append("first");
    await append("second");
    const given = await take("shop", "one");
    await inboxOf("shop").ack("one", given.slice(0, 1));
    await lapse();
    expect(await hold("shop", "two")).toEqual({ outcome: "held", lapsed: ["one"] });
    await stores.rules.park(RULE, "one", 5);
    expect(contents(await take("shop", "two"))).toEqual(["second"]);
  });

  it("is renewed by a replica whose lease lapsed and that nobody took for lost; the others may come back too then", async () => {
    await hold("shop", "one");
    await hold("shop", "two");
    await append("first");
    await append("second", {}, "bob");
    await inboxOf("shop").take("one", { lanes: 1, messages: 1 });
    await inboxOf("shop").take("two", { lanes: 1, messages: 1 });
    await lapse();
    expect(await hold("shop", "one", true)).toEqual({ outcome: "held", lapsed: [] });
    expect(await hold("shop", "two", true)).toEqual({ outcome: "held", lapsed: [] });
    expect(await hold("shop", "one", true)).toEqual({ outcome: "held", lapsed: [] });
  });

  it("is lost to a replica that was parked, or that left, under the id that it had", async () => {
    await hold("shop", "one");
    await append("first");
    await take("shop", "one");
    expect(await hold("shop", "one", true)).toMatchObject({ outcome: "held" });
    await stores.rules.park(RULE, "one", 5);
    expect(await hold("shop", "one", true)).toMatchObject({ outcome: "held" });
    await lapse();
    await stores.rules.park(RULE, "one", 5);
    expect(await hold("shop", "one", true)).toEqual({ outcome: "lost" });
    await hold("shop", "two");
    await stores.rules.leave(RULE, "two");
    expect(await hold("shop", "two", true)).toEqual({ outcome: "lost" });
  });

  it("takes no message that its node gave up meanwhile", async () => {
    await hold("shop", "one");
    const now = await stores.now();
    expect(await append("too late", { notAfter: now - 1 })).toBe("late");
    expect(await append("in time", { notAfter: now + 60_000 })).toBe("appended");
    expect(contents(await take("shop", "one"))).toEqual(["in time"]);
  });

  it("is full at 256 replicas, whose renewals still hold", async () => {
    const held = await Promise.all(Array.from({ length: 256 }, (_, index) => hold("shop", `r${index}`)));
    expect(held.every(({ outcome }) => outcome === "held")).toBe(true);
    expect(await hold("shop", "one too many")).toEqual({ outcome: "full" });
    expect(await hold("shop", "r7")).toMatchObject({ outcome: "held" });
  });

  it("is forgotten only when nobody holds it, nothing waits and it has no dead letters", async () => {
    await hold("shop", "one");
    expect(await stores.rules.forgetIfIdle(RULE)).toBe(false);
    await append("first");
    await lapse();
    expect(await stores.rules.forgetIfIdle(RULE)).toBe(false);
    await hold("shop", "one");
    const [message] = await take("shop", "one");
    if (message === undefined) throw new Error("nothing was given");
    expect(await inboxOf("shop").fail("one", message, 1, "it broke", 1)).toEqual({ outcome: "dead" });
    await lapse();
    expect(await stores.rules.list()).toEqual([
      { rule: RULE, group: "shop", replicas: [], backlog: 0, deadLetters: 1 },
    ]);
    expect(await stores.rules.forgetIfIdle(RULE)).toBe(false);
    await stores.redis.xtrim(stores.keys.rule(RULE).deadLetters, "MAXLEN", 0);
    expect(await stores.rules.forgetIfIdle(RULE)).toBe(true);
    expect(await stores.rules.list()).toEqual([]);
    expect(await stores.redis.keys(`${stores.keys.prefix}:*`)).toEqual([stores.keys.deadLetterPlaces]);
  });
});

describe("a rule's inbox", () => {
  it("takes nothing when nobody ever held the rule, or when all leases lapsed or were given up: unknown_rule", async () => {
    expect(await stores.rules.append(RULE, "alice", "hello", { maxBacklog: ROOM })).toBe("unknown_rule");
    expect(await stores.redis.keys(`${stores.keys.prefix}:*`)).toEqual([]);
    await hold("shop", "one");
    expect(await stores.rules.append(RULE, "alice", "hello", { maxBacklog: ROOM })).toBe("appended");
    await lapse();
    expect(await stores.rules.append(RULE, "alice", "hello", { maxBacklog: ROOM })).toBe("unknown_rule");
    await hold("shop", "one");
    await stores.rules.leave(RULE, "one");
    expect(await stores.rules.append(RULE, "alice", "hello", { maxBacklog: ROOM })).toBe("unknown_rule");
  });

  it("is overloaded at its cap and never over it, however many come at once, and has room again after an ack", async () => {
    await hold("shop", "one");
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, (_, index) => append(`message ${index}`, { maxBacklog: 10 })),
    );
    expect(outcomes.filter((outcome) => outcome === "appended")).toHaveLength(10);
    expect(outcomes.filter((outcome) => outcome === "overloaded")).toHaveLength(40);
    // Nothing older was pushed out, and what is given and not acked still counts.
    const given = await take("shop", "one");
    expect(given).toHaveLength(8);
    expect(await stores.redis.xlen(stores.keys.rule(RULE).inbox)).toBe(10);
    expect(await append("more", { maxBacklog: 10 })).toBe("overloaded");
    await inboxOf("shop").ack("one", given.slice(0, 1));
    expect(await append("more", { maxBacklog: 10 })).toBe("appended");
  });

  it("keeps the content as it is: empty, many lines, any characters", async () => {
    await hold("shop", "one");
    const texts = ["", "a::b", "line\nline\r\n\0", "{}'\"\\%s", "Grüße 🦊 ￿"];
    for (const content of texts) await append(content);
    expect(contents(await take("shop", "one"))).toEqual(texts);
  });
});

describe("a message with an id of the follower's own", () => {
  it("is stored once, however often and however many at once it comes, before and after it was handled", async () => {
    await hold("shop", "one");
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => append("hello", { messageId: "id-1" })));
    expect(outcomes.filter((outcome) => outcome === "appended")).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === "duplicate")).toHaveLength(19);
    const given = await take("shop", "one");
    expect(given).toMatchObject([{ content: "hello", messageId: "id-1" }]);
    await inboxOf("shop").ack("one", given);
    expect(await append("hello", { messageId: "id-1" })).toBe("duplicate");
    // It was accepted: that stays true when nobody holds the rule, there is no room, or it is late.
    await stores.rules.leave(RULE, "one");
    expect(await append("hello", { messageId: "id-1", maxBacklog: 0, notAfter: 1 })).toBe("duplicate");
    expect(await take("shop", "one")).toEqual([]);
  });

  it("is a conflict with another content, and the same id is free for another follower and another rule", async () => {
    await hold("shop", "one");
    await stores.rules.hold("other", "shop", "one", LEASE_MS);
    expect(await append("hello", { messageId: "id-1" })).toBe("appended");
    expect(await append("goodbye", { messageId: "id-1" })).toBe("id_conflict");
    expect(await append("goodbye", { messageId: "id-1" }, "bob")).toBe("appended");
    expect(await stores.rules.append("other", "alice", "goodbye", { maxBacklog: ROOM, messageId: "id-1" })).toBe(
      "appended",
    );
    expect(contents(await take("shop", "one"))).toEqual(["hello", "goodbye"]);
  });

  it("is not remembered when it was refused", async () => {
    expect(await append("hello", { messageId: "id-1" })).toBe("unknown_rule");
    await hold("shop", "one");
    expect(await append("hello", { messageId: "id-1", maxBacklog: 0 })).toBe("overloaded");
    expect(await append("hello", { messageId: "id-1", notAfter: 1 })).toBe("late");
    expect(await append("another", { messageId: "id-1" })).toBe("appended");
  });

  it("is known while it is among the last 64, whatever came since; more than 128 are never kept, for a day", async () => {
    await hold("shop", "one");
    const seen = stores.keys.seen(RULE, "alice");
    for (let index = 0; index < 400; index++) {
      expect(await append(`message ${index}`, { messageId: `id-${index}` })).toBe("appended");
      // One field counts.
      expect(await stores.redis.hlen(seen)).toBeLessThanOrEqual(128 + 1);
      const oldest = Math.max(0, index - 63);
      expect(await append(`message ${oldest}`, { messageId: `id-${oldest}` })).toBe("duplicate");
    }
    expect(await append("message 0", { messageId: "id-0" })).toBe("appended");
    const ttl = await stores.redis.pttl(seen);
    expect(ttl).toBeGreaterThan(86_300_000);
    expect(ttl).toBeLessThanOrEqual(86_400_000);
  });
});

describe("the name of a rule", () => {
  it("may hold braces, spaces, percent signs, colons and any script, and never collides with another", async () => {
    const names = [
      "a{b}c",
      "{b}",
      "a b",
      "a%20b",
      "a:b",
      "a%3ab",
      "%",
      "%25",
      "Bestellung",
      "café",
      "cafe\u0301",
      "🦊",
      "}{",
      "{}",
      "A",
      "a",
    ];
    for (const [index, name] of names.entries()) {
      expect(await stores.rules.hold(name, `group${index}`, `replica${index}`, LEASE_MS)).toMatchObject({
        outcome: "held",
      });
      expect(await stores.rules.append(name, "alice", name, { maxBacklog: ROOM })).toBe("appended");
    }
    const listed = await stores.rules.list();
    expect(listed.map(({ rule }) => rule).toSorted()).toEqual(names.toSorted());
    for (const { rule, group, backlog } of listed) {
      expect(group).toBe(`group${names.indexOf(rule)}`);
      expect(backlog).toBe(1);
    }
  });
});
