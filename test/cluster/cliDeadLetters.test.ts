import { MessageQueue, RuleConsumer } from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Cli } from "../support/cliProcess.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { openStores, type Stores } from "../support/stores.ts";
import { waitFor } from "../support/waitFor.ts";

const cli = new Cli();
let server: RedisServer;
let stores: Stores;
beforeAll(async () => {
  server = await startRedis({ persistent: false });
});
afterAll(async () => {
  cli.remove();
  await server.stop();
});
beforeEach(async () => {
  stores = await openStores(server.url);
});
afterEach(() => stores.close());

interface Shown {
  readonly id: string;
}

const run = (...args: string[]) =>
  cli.run(["dead-letters", ...args], { env: { REDIS_URL: server.url, YONEXUS_KEY_PREFIX: stores.keys.prefix } });
const listed = async (...args: string[]): Promise<Shown[]> =>
  (await run("list", "--json", ...args)).stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Shown);
const idsOf = async (...args: string[]) => (await listed(...args)).map(({ id }) => id);

/** Messages of alpha to the rule `orders`, which a handler refuses until they are dead letters. */
async function failOrders(contents: readonly string[]): Promise<void> {
  const consumer = new RuleConsumer(stores.redis, await stores.open("blocking"), stores.keys, {
    rule: "orders",
    group: "shop",
    maxTries: 1,
    handler: () => {
      throw new Error("the shop is closed");
    },
    onError: () => {},
  });
  await consumer.start();
  for (const content of contents) await stores.rules.append("orders", "alpha", content, { maxBacklog: 10 });
  const { deadLetters } = stores.keys.rule("orders");
  await waitFor("all to be dead letters", async () => (await stores.redis.xlen(deadLetters)) === contents.length);
  await consumer.stop();
}

/** Messages to the follower beta whose time is over. */
async function expire(frames: readonly string[]): Promise<void> {
  const queue = new MessageQueue(stores.redis, stores.keys);
  await stores.trust.allow(["beta"]);
  for (const [index, frame] of frames.entries()) {
    const item = { identifier: "beta", messageId: `m${index}`, isOwnId: true, frame, ttlMs: 1, senderId: "" };
    await queue.enqueue(item, { maxMessages: 10, maxBytes: 10_000 });
  }
  await waitFor("all to expire", async () => {
    await queue.tidy("beta");
    return (await stores.redis.xlen(stores.keys.follower("beta").deadLetters)) === frames.length;
  });
}

describe("dead-letters list", () => {
  it("shows those of all places or of one, and what they hold only when it is asked for", async () => {
    expect(await run("list")).toMatchObject({ exitCode: 0, stdout: "There are no dead letters.\n", stderr: "" });
    await failOrders(["one \u001b[31m"]);
    await expire(["chat::two"]);
    const all = await run("list");
    expect(all).toMatchObject({ exitCode: 0, stderr: "" });
    expect(all.stdout).toMatch(/^where +id +when +follower +message +tries +bytes +why *\n/u);
    expect(all.stdout).toMatch(/^follower beta +\d+-\d+ .* beta +m0 .* expired *$/mu);
    expect(all.stdout).toMatch(/^rule orders +\d+-\d+ .* alpha .* 1 +9 +the shop is closed *$/mu);
    expect(all.stdout).not.toMatch(/one|two/u);
    const one = await run("list", "--rule", "orders", "--content");
    expect(one.stdout).toContain("one \\x1b[31m");
    expect(one.stdout).not.toContain("beta");
    expect((await run("list", "--follower", "alpha")).stdout).toBe(
      "There are no dead letters of the follower alpha.\n",
    );
  });

  it("tells programs the same, one object a line", async () => {
    await failOrders(["one"]);
    await expire(["chat::two"]);
    const [follower, rule] = await listed();
    expect(follower).toMatchObject({
      place: "follower beta",
      identifier: "beta",
      rule: "chat",
      messageId: "m0",
      bytes: 3,
    });
    expect(rule).toMatchObject({ place: "rule orders", identifier: "alpha", tries: 1, reason: "the shop is closed" });
    expect(rule).not.toHaveProperty("content");
    expect(await listed("--follower", "beta", "--content")).toMatchObject([{ content: "two" }]);
  });
});

describe("dead-letters retry", () => {
  it("puts those that are named back into the rule's inbox, or all", async () => {
    await failOrders(["one", "two", "three"]);
    const [first = ""] = await idsOf();
    const named = await run("retry", "--rule", "orders", first, "17-0");
    expect(named).toMatchObject({ exitCode: 0, stdout: "1 are in the inbox again. 1 were not there.\n", stderr: "" });
    const all = await run("retry", "--rule", "orders", "--all", "--json");
    expect(all.exitCode).toBe(0);
    expect(JSON.parse(all.stdout)).toEqual({ retried: 2, missing: 0, refused: 0 });
    const waiting = await stores.redis.xrange(stores.keys.rule("orders").inbox, "-", "+");
    expect(waiting.map(([, fields]) => fields[fields.indexOf("content") + 1])).toEqual(["one", "two", "three"]);
    expect(await idsOf()).toEqual([]);
  });

  it("queues those of a follower anew, and says why they stay when it is not allowed", async () => {
    await expire(["chat::one", "chat::two"]);
    const [first = ""] = await idsOf();
    expect((await run("retry", "--follower", "beta", first)).stdout).toBe("1 are queued again, for a day.\n");
    const { messages } = await new MessageQueue(stores.redis, stores.keys).read("beta", 0, 10, 10_000);
    expect(messages.map(({ frame }) => frame)).toEqual(["chat::one"]);
    await stores.trust.clear("beta", "revoke", { disallow: true });
    const before = await idsOf("--follower", "beta");
    const refused = await run("retry", "--follower", "beta", "--all");
    expect(refused).toMatchObject({ exitCode: 1, stderr: "" });
    expect(refused.stdout).toMatch(/stay: .*`yonexus client show beta`/u);
    expect(await idsOf("--follower", "beta")).toEqual(before);
  });
});

describe("dead-letters drop", () => {
  it("throws away those that are named, or all, of a rule or a follower", async () => {
    await failOrders(["one", "two"]);
    await expire(["chat::one", "chat::two"]);
    const [, second = ""] = await idsOf("--rule", "orders");
    expect(await run("drop", "--rule", "orders", second)).toMatchObject({ exitCode: 0, stdout: "1 dropped.\n" });
    expect(await listed("--rule", "orders", "--content")).toMatchObject([{ content: "one" }]);
    const all = await run("drop", "--follower", "beta", "--all", "--json");
    expect(all.exitCode).toBe(0);
    expect(JSON.parse(all.stdout)).toEqual({ dropped: 2, missing: 0 });
    expect(await listed()).toHaveLength(1);
  });
});

describe("dead letters that are named and not there", () => {
  it.each(["retry", "drop"])("%s exits 1 when nothing was done of what was named", async (verb) => {
    for (const place of [
      ["--rule", "orders"],
      ["--follower", "beta"],
    ]) {
      const result = await run(verb, ...place, "17-0");
      expect(result).toMatchObject({ exitCode: 1, stderr: "" });
      expect(result.stdout).toContain("1 were not there.");
    }
    expect(await run(verb, "--rule", "orders", "17-0", "--json")).toMatchObject({ exitCode: 1, stderr: "" });
  });

  it.each(["retry", "drop"])("%s of all where there are none has nothing to do, and exits 0", async (verb) => {
    expect(await run(verb, "--rule", "orders", "--all")).toMatchObject({ exitCode: 0, stderr: "" });
  });
});
