import { type InboundMessage, RuleConsumer, type RuleConsumerOptions, RuleHeldError } from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { openStores, type Stores } from "../support/stores.ts";
import { waitFor } from "../support/waitFor.ts";

const RULE = "orders";
const ROOM = 10_000;

let server: RedisServer;
let stores: Stores;
let stops: (() => Promise<void>)[];
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  stores = await openStores(server.url);
  stops = [];
});
afterEach(async () => {
  for (const stop of stops) await stop();
  stores.close();
});

interface Started {
  readonly consumer: RuleConsumer;
  readonly handled: InboundMessage[];
  readonly errors: unknown[];
}

async function consumer(options: Partial<RuleConsumerOptions> = {}): Promise<Started> {
  const handled: InboundMessage[] = [];
  const errors: unknown[] = [];
  const started = new RuleConsumer(stores.redis, await stores.open("blocking"), stores.keys, {
    rule: RULE,
    group: "shop",
    handler: (message) => void handled.push(message),
    onError: (error) => errors.push(error),
    ...options,
  });
  await started.start();
  stops.push(() => started.stop());
  return { consumer: started, handled, errors };
}

const append = async (from: number, to: number) => {
  for (let index = from; index < to; index++) {
    expect(await stores.rules.append(RULE, "alice", `message ${index}`, ROOM)).toBe("appended");
  }
};
const contents = (messages: readonly InboundMessage[]) => messages.map(({ content }) => content);
const expected = (count: number) => Array.from({ length: count }, (_, index) => `message ${index}`);
const isEmpty = async () => (await stores.redis.xlen(stores.keys.rule(RULE).inbox)) === 0;

describe("a consumer of a rule", () => {
  it("handles every message once, in the order of arrival, and leaves an empty inbox", async () => {
    const { handled, errors } = await consumer();
    await append(0, 200);
    await waitFor("the inbox to be empty", isEmpty);
    expect(contents(handled)).toEqual(expected(200));
    expect(handled[0]).toEqual({
      id: expect.any(String),
      rule: RULE,
      identifier: "alice",
      content: "message 0",
      frame: "orders::alice::message 0",
    });
    expect(errors).toEqual([]);
  });

  it("shares the rule with the other replicas of its group: each message goes to one of them", async () => {
    const replicas = [await consumer(), await consumer(), await consumer()];
    await Promise.all(expected(300).map((content) => stores.rules.append(RULE, "alice", content, ROOM)));
    await waitFor("the inbox to be empty", isEmpty);
    const all = replicas.flatMap(({ handled }) => contents(handled));
    expect(all).toHaveLength(300);
    expect(new Set(all)).toEqual(new Set(expected(300)));
  });

  it("handles one message at a time", async () => {
    let busy = 0;
    let most = 0;
    const handled: string[] = [];
    await consumer({
      handler: async ({ content }) => {
        most = Math.max(most, ++busy);
        await stores.now();
        busy--;
        handled.push(content);
      },
    });
    await append(0, 20);
    await waitFor("the inbox to be empty", isEmpty);
    expect(most).toBe(1);
    expect(handled).toEqual(expected(20));
  });

  it("is refused the rule of another group, and a name that is no rule", async () => {
    await consumer();
    await expect(consumer({ group: "spy" })).rejects.toThrow(RuleHeldError);
    await expect(consumer({ group: "spy" })).rejects.toThrow(/held by the group shop/u);
    for (const rule of ["builtin", "a::b", "", "line\nline"])
      await expect(consumer({ rule })).rejects.toThrow(RuleHeldError);
  });

  it("gives the rule up when it stops, at once, with what waits kept for the next", async () => {
    const first = await consumer();
    await append(0, 3);
    await waitFor("the inbox to be empty", isEmpty);
    await first.consumer.stop();
    expect(await stores.rules.append(RULE, "alice", "too early", ROOM)).toBe("unknown_rule");
    const second = await consumer({ group: "store" });
    await append(0, 2);
    await waitFor("the inbox to be empty", isEmpty);
    expect(contents(second.handled)).toEqual(expected(2));
  });

  it("keeps a message whose handler failed, tells of the failure, and goes on with the next", async () => {
    const handled: string[] = [];
    const { errors } = await consumer({
      handler: ({ content }) => {
        if (content === "message 1") throw new Error("the handler failed");
        handled.push(content);
      },
    });
    await append(0, 3);
    await waitFor("the others to be handled", () => handled.length === 2);
    expect(handled).toEqual(["message 0", "message 2"]);
    expect(errors).toEqual([new Error("the handler failed")]);
    await waitFor("the others to be acked", async () => (await stores.redis.xlen(stores.keys.rule(RULE).inbox)) === 1);
  });

  it("keeps its lease alive for as long as it runs", async () => {
    const { replicaId } = (await consumer({ leaseMs: 300 })).consumer;
    const { replicas } = stores.keys.rule(RULE);
    const until = async () => Number(await stores.redis.zscore(replicas, replicaId));
    const first = await until();
    await waitFor("three renewals", async () => (await until()) >= first + 300);
    expect(await stores.rules.append(RULE, "alice", "still held", ROOM)).toBe("appended");
  });

  it("takes over what a dead replica read and did not ack", async () => {
    await stores.rules.hold(RULE, "shop", "dead", 60_000);
    await append(0, 3);
    const { inbox } = stores.keys.rule(RULE);
    const read = (await stores.redis.xreadgroup("GROUP", "shop", "dead", "COUNT", 2, "STREAMS", inbox, ">")) as [
      string,
      [string, string[]][],
    ][];
    for (const [id] of read[0]?.[1] ?? []) {
      await server.command("XCLAIM", inbox, "shop", "dead", "0", id, "IDLE", "61000");
    }
    const { handled } = await consumer();
    await waitFor("the inbox to be empty", isEmpty);
    expect(contents(handled).toSorted()).toEqual(expected(3));
  });
});

describe("a consumer over a restart of Redis", () => {
  it("goes on by itself, and handles what came before and after", async () => {
    const { handled } = await consumer({ leaseMs: 1_000 });
    await append(0, 5);
    await waitFor("the first five", () => handled.length === 5);
    await server.kill("SIGKILL");
    await server.restart();
    await waitFor("the connection to be back", () => stores.redis.status === "ready");
    await waitFor("the lease to be renewed", async () => {
      const [record] = await stores.rules.list();
      return record !== undefined && record.replicas.length === 1;
    });
    await append(5, 10);
    await waitFor("the inbox to be empty", isEmpty);
    expect(contents(handled)).toEqual(expected(10));
  });

  it("handles again, and soon, what it had read but could not ack", async () => {
    let away: Promise<void> | undefined;
    const handled: string[] = [];
    await consumer({
      leaseMs: 1_000,
      handler: async ({ content }) => {
        handled.push(content);
        // Redis dies while the first message of a batch is handled.
        if (away === undefined) {
          away = server.kill("SIGKILL");
          await away;
        }
      },
    });
    await Promise.all(expected(10).map((content) => stores.rules.append(RULE, "alice", content, ROOM)));
    await waitFor("the first message", () => away !== undefined);
    await away;
    await server.restart();
    await waitFor("the connection to be back", () => stores.redis.status === "ready");
    await waitFor("the inbox to be empty", isEmpty, 15_000);
    expect(new Set(handled)).toEqual(new Set(expected(10)));
  });

  it("stops also while Redis is away, and tells that the rule lapses by itself", async () => {
    const { consumer: stopped, errors } = await consumer({ leaseMs: 1_000 });
    await server.kill("SIGKILL");
    await waitFor("the consumer to notice", () => errors.length > 0);
    await stopped.stop();
    await server.restart();
  });
});
