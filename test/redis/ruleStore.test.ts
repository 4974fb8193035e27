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

const hold = (group: string, replica: string) => stores.rules.hold(RULE, group, replica, LEASE_MS);
const lapse = () => ageEntries(stores, stores.keys.rule(RULE).replicas, LEASE_MS + 1);
const pendingOf = async (group: string) =>
  ((await stores.redis.xpending(stores.keys.rule(RULE).inbox, group)) as [number, ...unknown[]])[0];
const read = async (group: string, consumer: string) => {
  const reply = (await stores.redis.xreadgroup(
    "GROUP",
    group,
    consumer,
    "COUNT",
    100,
    "STREAMS",
    stores.keys.rule(RULE).inbox,
    ">",
  )) as [string, [string, string[]][]][] | null;
  return reply?.[0]?.[1] ?? [];
};

describe("holding a rule", () => {
  it("is shared by the replicas of one group, and refused to another group while one of their leases is live", async () => {
    expect(await hold("shop", "one")).toMatchObject({ outcome: "held" });
    expect(await hold("shop", "two")).toMatchObject({ outcome: "held" });
    expect(await hold("spy", "three")).toEqual({ outcome: "refused", heldBy: "shop" });
    await stores.rules.leave(RULE, "one");
    expect(await hold("spy", "three")).toEqual({ outcome: "refused", heldBy: "shop" });
    expect(await stores.rules.list()).toEqual([{ rule: RULE, group: "shop", replicas: ["two"], backlog: 0 }]);
  });

  it("is won by one of 20 groups that come at once", async () => {
    const results = await Promise.all(Array.from({ length: 20 }, (_, index) => hold(`group${index}`, `r${index}`)));
    const [winner] = results.flatMap((result, index) => (result.outcome === "held" ? [`group${index}`] : []));
    expect(results.filter(({ outcome }) => outcome === "held")).toHaveLength(1);
    for (const result of results) if (result.outcome === "refused") expect(result.heldBy).toBe(winner);
  });

  it("may be taken over by another group after all leases lapsed, with what waits, read or not", async () => {
    await hold("shop", "one");
    for (const content of ["first", "second", "third"]) await stores.rules.append(RULE, "alice", content, ROOM);
    // The old replica read one and died before it acked it.
    await stores.redis.xreadgroup("GROUP", "shop", "one", "COUNT", 1, "STREAMS", stores.keys.rule(RULE).inbox, ">");
    await lapse();
    expect(await hold("store", "two")).toMatchObject({ outcome: "held" });
    const waiting = await read("store", "two");
    expect(waiting.map(([, fields]) => fields)).toEqual([
      ["from", "alice", "content", "first"],
      ["from", "alice", "content", "second"],
      ["from", "alice", "content", "third"],
    ]);
    expect(await hold("shop", "one")).toEqual({ outcome: "refused", heldBy: "store" });
  });

  it("goes on for the same group after a lapse, without reading again what it acked", async () => {
    await hold("shop", "one");
    await stores.rules.append(RULE, "alice", "first", ROOM);
    await stores.rules.append(RULE, "alice", "second", ROOM);
    const [first] = await read("shop", "one");
    await stores.rules.ack(RULE, "shop", [first?.[0] ?? ""]);
    await lapse();
    await hold("shop", "one");
    expect(await pendingOf("shop")).toBe(1);
    expect(await read("shop", "one")).toEqual([]);
  });

  it("takes no message that its node gave up meanwhile", async () => {
    await hold("shop", "one");
    const now = await stores.now();
    expect(await stores.rules.append(RULE, "alice", "too late", ROOM, now - 1)).toBe("late");
    expect(await stores.rules.append(RULE, "alice", "in time", ROOM, now + 60_000)).toBe("appended");
    expect((await read("shop", "one")).map(([, fields]) => fields.at(-1))).toEqual(["in time"]);
  });

  it("is full at 256 replicas, whose renewals still hold", async () => {
    const held = await Promise.all(Array.from({ length: 256 }, (_, index) => hold("shop", `r${index}`)));
    expect(held.every(({ outcome }) => outcome === "held")).toBe(true);
    expect(await hold("shop", "one too many")).toEqual({ outcome: "full" });
    expect(await hold("shop", "r7")).toMatchObject({ outcome: "held" });
  });

  it("is forgotten only when nobody holds it and nothing waits", async () => {
    await hold("shop", "one");
    expect(await stores.rules.forgetIfIdle(RULE)).toBe(false);
    await stores.rules.append(RULE, "alice", "first", ROOM);
    await lapse();
    expect(await stores.rules.forgetIfIdle(RULE)).toBe(false);
    const [entry] = await read("shop", "one");
    await stores.rules.ack(RULE, "shop", [entry?.[0] ?? ""]);
    expect(await stores.rules.forgetIfIdle(RULE)).toBe(true);
    expect(await stores.rules.list()).toEqual([]);
    expect(await stores.redis.keys(`${stores.keys.prefix}:*`)).toEqual([]);
  });
});

describe("a rule's inbox", () => {
  it("takes nothing when nobody ever held the rule, or when all leases lapsed or were given up: unknown_rule", async () => {
    expect(await stores.rules.append(RULE, "alice", "hello", ROOM)).toBe("unknown_rule");
    expect(await stores.redis.keys(`${stores.keys.prefix}:*`)).toEqual([]);
    await hold("shop", "one");
    expect(await stores.rules.append(RULE, "alice", "hello", ROOM)).toBe("appended");
    await lapse();
    expect(await stores.rules.append(RULE, "alice", "hello", ROOM)).toBe("unknown_rule");
    await hold("shop", "one");
    await stores.rules.leave(RULE, "one");
    expect(await stores.rules.append(RULE, "alice", "hello", ROOM)).toBe("unknown_rule");
  });

  it("is overloaded at its cap and never over it, however many come at once, and has room again after an ack", async () => {
    await hold("shop", "one");
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, (_, index) => stores.rules.append(RULE, "alice", `message ${index}`, 10)),
    );
    expect(outcomes.filter((outcome) => outcome === "appended")).toHaveLength(10);
    expect(outcomes.filter((outcome) => outcome === "overloaded")).toHaveLength(40);
    const [entry] = await read("shop", "one");
    // Read but not acked still counts.
    expect(await stores.rules.append(RULE, "alice", "more", 10)).toBe("overloaded");
    await stores.rules.ack(RULE, "shop", [entry?.[0] ?? ""]);
    expect(await stores.rules.append(RULE, "alice", "more", 10)).toBe("appended");
  });

  it("loses an acked message from the stream and the group's pending list together", async () => {
    await hold("shop", "one");
    for (const content of ["first", "second", "third"]) await stores.rules.append(RULE, "alice", content, ROOM);
    const ids = (await read("shop", "one")).map(([id]) => id);
    expect(await pendingOf("shop")).toBe(3);
    await stores.rules.ack(RULE, "shop", ids.slice(0, 2));
    expect(await pendingOf("shop")).toBe(1);
    expect(await stores.redis.xlen(stores.keys.rule(RULE).inbox)).toBe(1);
    await stores.rules.ack(RULE, "shop", ids);
    await stores.rules.ack(RULE, "shop", []);
    expect(await stores.redis.xlen(stores.keys.rule(RULE).inbox)).toBe(0);
  });

  it("keeps the content as it is: empty, many lines, any characters", async () => {
    await hold("shop", "one");
    const contents = ["", "a::b", "line\nline\r\n\0", "{}'\"\\%s", "Grüße 🦊 ￿"];
    for (const content of contents) await stores.rules.append(RULE, "alice", content, ROOM);
    expect((await read("shop", "one")).map(([, fields]) => fields[3])).toEqual(contents);
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
      expect(await stores.rules.append(name, "alice", name, ROOM)).toBe("appended");
    }
    const listed = await stores.rules.list();
    expect(listed.map(({ rule }) => rule).toSorted()).toEqual(names.toSorted());
    for (const { rule, group, backlog } of listed) {
      expect(group).toBe(`group${names.indexOf(rule)}`);
      expect(backlog).toBe(1);
    }
  });
});
