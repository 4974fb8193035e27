import { setImmediate as nextTurn } from "node:timers/promises";
import {
  type AppendOptions,
  type InboundMessage,
  openRedis,
  type RedisConnection,
  RuleConsumer,
  type RuleConsumerOptions,
  RuleHeldError,
  RuleInbox,
} from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { openStores, type Stores } from "../support/stores.ts";
import { waitFor } from "../support/waitFor.ts";
import { openHandles } from "./openHandles.ts";

const RULE = "orders";
const SOON = { firstMs: 5, mostMs: 20 };

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
  readonly redis: RedisConnection;
  readonly handled: InboundMessage[];
  readonly errors: unknown[];
}

/** One replica, on connections of its own. */
async function consumer(options: Partial<RuleConsumerOptions> = {}): Promise<Started> {
  const handled: InboundMessage[] = [];
  const errors: unknown[] = [];
  const redis = await stores.open("commands");
  const started = new RuleConsumer(redis, await stores.open("blocking"), stores.keys, {
    rule: RULE,
    group: "shop",
    handler: (message) => void handled.push(message),
    onError: (error) => errors.push(error),
    retry: SOON,
    ...options,
  });
  await started.start();
  stops.push(() => started.stop());
  return { consumer: started, redis, handled, errors };
}

const appendOne = async (content: string, identifier = "alice", options: Partial<AppendOptions> = {}) =>
  expect(await stores.rules.append(RULE, identifier, content, { maxBacklog: 10_000, ...options })).toBe("appended");
const append = async (from: number, to: number, identifier = "alice") => {
  for (let index = from; index < to; index++) await appendOne(`message ${index}`, identifier);
};
const contents = (messages: readonly InboundMessage[]) => messages.map(({ content }) => content);
const expected = (count: number) => Array.from({ length: count }, (_, index) => `message ${index}`);
const isEmpty = async () => (await stores.redis.xlen(stores.keys.rule(RULE).inbox)) === 0;
const letters = async () =>
  (await stores.redis.xrange(stores.keys.rule(RULE).deadLetters, "-", "+")).map(([, fields]) =>
    Object.fromEntries(fields.flatMap((field, index) => (index % 2 === 0 ? [[field, fields[index + 1]]] : []))),
  );
/** As if the replica had not renewed for longer than its lease. */
const lapse = ({ consumer: { replicaId } }: Started) =>
  stores.redis.zadd(stores.keys.rule(RULE).replicas, 1_000, replicaId);

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
      attempt: 1,
      frame: "orders::alice::message 0",
    });
    await appendOne("with an id", "alice", { messageId: "id-1" });
    await waitFor("the inbox to be empty", isEmpty);
    expect(handled.at(-1)).toMatchObject({ content: "with an id", messageId: "id-1" });
    expect(errors).toEqual([]);
  });

  it("shares the rule with the other replicas of its group: each follower's messages are handled once, in order", async () => {
    const all: InboundMessage[] = [];
    for (let replica = 0; replica < 3; replica++) {
      await consumer({
        concurrency: 2,
        handler: async (message) => {
          await stores.now();
          all.push(message);
        },
      });
    }
    const followers = ["alice", "bob", "carol", "dave"];
    await Promise.all(followers.map((follower) => append(0, 100, follower)));
    await waitFor("the inbox to be empty", isEmpty);
    expect(all).toHaveLength(400);
    for (const follower of followers) {
      expect(contents(all.filter(({ identifier }) => identifier === follower))).toEqual(expected(100));
    }
  });

  it("handles one message of a follower at a time, and as many followers' at once as it may", async () => {
    const busy = new Map<string, number>();
    let most = 0;
    await consumer({
      concurrency: 3,
      handler: async ({ identifier }) => {
        expect(busy.has(identifier)).toBe(false);
        busy.set(identifier, 1);
        most = Math.max(most, busy.size);
        await stores.now();
        busy.delete(identifier);
      },
    });
    const followers = Array.from({ length: 8 }, (_, index) => `follower-${index}`);
    await Promise.all(followers.map((follower) => append(0, 20, follower)));
    await waitFor("the inbox to be empty", isEmpty);
    expect(most).toBe(3);
    await expect(consumer({ concurrency: 0 })).rejects.toThrow(RangeError);
    await expect(consumer({ concurrency: 257 })).rejects.toThrow(RangeError);
    await expect(consumer({ maxTries: 0 })).rejects.toThrow(RangeError);
  });

  it("lets a follower that sends more than is handled keep nobody waiting", async () => {
    const release = Promise.withResolvers<void>();
    const others: string[] = [];
    await consumer({
      concurrency: 2,
      handler: ({ identifier }) => (identifier === "flood" ? release.promise : void others.push(identifier)),
    });
    await append(0, 300, "flood");
    await append(0, 20, "alice");
    await append(0, 20, "bob");
    await waitFor("the others", () => others.length === 40);
    release.resolve();
    await waitFor("the inbox to be empty", isEmpty);
  });

  it("is refused the rule of another group, and a name that is no rule", async () => {
    await consumer();
    await expect(consumer({ group: "spy" })).rejects.toThrow(RuleHeldError);
    await expect(consumer({ group: "spy" })).rejects.toThrow(/held by the group shop/u);
    for (const rule of ["builtin", "a::b", "", "line\nline"])
      await expect(consumer({ rule })).rejects.toThrow(RuleHeldError);
  });

  it("keeps its lease alive for as long as it runs", async () => {
    const { replicaId } = (await consumer({ leaseMs: 3_000 })).consumer;
    const { replicas } = stores.keys.rule(RULE);
    const until = async () => Number(await stores.redis.zscore(replicas, replicaId));
    const first = await until();
    await waitFor("three renewals", async () => (await until()) >= first + 3_000);
    await appendOne("still held");
  });
});

describe("a consumer that stops", () => {
  it("gives the rule up, at once, with what waits kept for the next", async () => {
    const first = await consumer();
    await append(0, 3);
    await waitFor("the inbox to be empty", isEmpty);
    await first.consumer.stop();
    expect(await stores.rules.append(RULE, "alice", "too early", { maxBacklog: 10 })).toBe("unknown_rule");
    const second = await consumer({ group: "store" });
    await append(0, 2);
    await waitFor("the inbox to be empty", isEmpty);
    expect(contents(second.handled)).toEqual(expected(2));
  });

  it("lets the handler in progress finish, begins no more, and gives the rest back without a failed try", async () => {
    const release = Promise.withResolvers<void>();
    const begun: string[] = [];
    const first = await consumer({
      handler: async ({ content }) => {
        begun.push(content);
        await release.promise;
      },
    });
    await append(0, 5);
    await waitFor("the first to be begun", () => begun.length === 1);
    const stopped = first.consumer.stop();
    const again = first.consumer.stop();
    expect(await stores.redis.xlen(stores.keys.rule(RULE).inbox)).toBe(5);
    release.resolve();
    await Promise.all([stopped, again]);
    expect(begun).toEqual(["message 0"]);
    expect(await stores.redis.xlen(stores.keys.rule(RULE).inbox)).toBe(4);
    const second = await consumer();
    await waitFor("the inbox to be empty", isEmpty);
    expect(second.handled.map(({ content, attempt }) => [content, attempt])).toEqual(
      expected(5)
        .slice(1)
        .map((content) => [content, 1]),
    );
    expect(first.errors).toEqual([]);
  });

  it("waits for a handler no longer than it is told; what that is done with afterwards counts if nobody else has it", async () => {
    const release = Promise.withResolvers<void>();
    let begun = 0;
    const { consumer: stopping } = await consumer({
      stopTimeoutMs: 20,
      handler: () => {
        begun += 1;
        return release.promise;
      },
    });
    await append(0, 1);
    await waitFor("the message to be begun", () => begun === 1);
    await stopping.stop();
    expect(await isEmpty()).toBe(false);
    release.resolve();
    await waitFor("the late ack", isEmpty);
  });

  it("stops also while Redis is away, and tells that the rule lapses by itself", async () => {
    const { consumer: stopped, errors } = await consumer({ leaseMs: 1_000 });
    await server.kill("SIGKILL");
    await waitFor("the consumer to notice", () => errors.length > 0);
    await stopped.stop();
    await server.restart();
  });
});

describe("a consumer that is stopped while it starts", () => {
  const unstarted = (redis: RedisConnection, blocking: RedisConnection) =>
    new RuleConsumer(redis, blocking, stores.keys, {
      ...{ rule: RULE, group: "shop", handler: () => {}, onError: () => {} },
    });
  const stopped = { code: "REDIS_UNREACHABLE", message: expect.stringContaining("was stopped") };
  const replicas = () => stores.redis.zrange(stores.keys.rule(RULE).replicas, "0", "-1");

  it("has not taken the rule while the connection that it reads by is not there, and its start fails at once", async () => {
    const blocking = openRedis(`redis+unix://${server.dir}/nobody.sock`, "blocking");
    blocking.on("error", () => {});
    const one = unstarted(await stores.open("commands"), blocking);
    const began = performance.now();
    const refused = expect(one.start()).rejects.toMatchObject(stopped);
    expect(await replicas()).toEqual([]);
    await one.stop();
    await refused;
    expect(performance.now() - began).toBeLessThan(4_000);
    expect(await replicas()).toEqual([]);
  });

  it("gives the rule back whenever that comes, and renews it no more", async () => {
    const [redis, before] = [await stores.open("commands"), openHandles()];
    const ends: string[] = [];
    // From before the lease is asked for to after it is held. Each turn at first, then in steps that grow: on a slow machine it is thousands.
    for (let turns = 0; ends.at(-1) !== "started"; turns += 1 + Math.floor(turns / 20)) {
      const blocking = await stores.open("blocking");
      const one = unstarted(redis, blocking);
      const end = one.start().then(
        () => "started",
        (error: unknown) => {
          expect(error).toMatchObject(stopped);
          return "stopped";
        },
      );
      for (let turn = 0; turn < turns; turn++) await nextTurn();
      await one.stop();
      ends.push(await end);
      expect(one.isLive).toBe(false);
      expect(await replicas()).toEqual([]);
    }
    expect(ends[0]).toBe("stopped");
    await waitFor("its sockets and timers to be gone", () => openHandles() <= before);
  });

  it("takes no rule when it was stopped before", async () => {
    const one = unstarted(await stores.open("commands"), await stores.open("blocking"));
    await one.stop();
    await expect(one.start()).rejects.toMatchObject(stopped);
    expect(await replicas()).toEqual([]);
  });
});

describe("a message whose handler fails", () => {
  it("is tried again, before any later one of its follower, and keeps no other follower waiting", async () => {
    const handled: string[] = [];
    const { errors } = await consumer({
      concurrency: 1,
      // The last of them comes long after bob's were handled.
      retry: { firstMs: 100, mostMs: 400 },
      handler: ({ identifier, content, attempt }) => {
        handled.push(`${identifier} ${content} ${attempt}`);
        if (content === "message 0" && attempt < 4) throw new Error(`failed ${attempt}`);
      },
    });
    await append(0, 2, "alice");
    await append(1, 4, "bob");
    await waitFor("the inbox to be empty", isEmpty);
    const ofAlice = handled.filter((text) => text.startsWith("alice"));
    expect(ofAlice).toEqual([1, 2, 3, 4].map((n) => `alice message 0 ${n}`).concat("alice message 1 1"));
    expect(errors).toEqual([1, 2, 3].map((n) => new Error(`failed ${n}`)));
    expect(handled.indexOf("bob message 3 1")).toBeLessThan(handled.indexOf("alice message 0 4"));
  });

  it("is a dead letter after the last try, with the reason, and the next of its follower is handled", async () => {
    const { errors } = await consumer({
      maxTries: 3,
      handler: async ({ content }) => {
        if (content === "bad") throw new Error("the order\n\u001b[31mis not one");
      },
    });
    await appendOne("bad", "alice", { messageId: "id-1" });
    await append(0, 1);
    await waitFor("the inbox to be empty", isEmpty);
    expect(errors).toHaveLength(3);
    expect(await letters()).toEqual([
      { from: "alice", content: "bad", messageId: "id-1", tries: "3", reason: "the order [31mis not one" },
    ]);
    expect(await stores.redis.sismember(stores.keys.deadLetterPlaces, `rule ${RULE}`)).toBe(1);
  });

  it("waits longer each time, and no longer than the most", async () => {
    const at: number[] = [];
    await consumer({
      maxTries: 5,
      retry: { firstMs: 40, mostMs: 100 },
      handler: () => {
        at.push(performance.now());
        throw new Error("failed");
      },
    });
    await append(0, 1);
    await waitFor("the inbox to be empty", isEmpty);
    const waits = at.slice(1).map((instant, index) => instant - (at[index] ?? 0));
    expect(waits).toHaveLength(4);
    for (const [index, least] of [30, 60, 75, 75].entries()) expect(waits[index]).toBeGreaterThanOrEqual(least - 2);
  });

  it("that takes too long fails so", async () => {
    await consumer({ maxTries: 2, handlerTimeoutMs: 10, handler: () => new Promise(() => {}) });
    await append(0, 1);
    await waitFor("the inbox to be empty", isEmpty);
    expect(await letters()).toMatchObject([{ tries: "2", reason: "handler_timeout" }]);
  });

  it("keeps its count when its replica leaves", async () => {
    const failing = await consumer({
      retry: { firstMs: 60_000, mostMs: 60_000 },
      handler: () => Promise.reject(new Error("failed")),
    });
    await append(0, 2);
    await waitFor("the first try", () => failing.errors.length === 1);
    await waitFor("the try to be noted", () => stores.redis.exists(stores.keys.rule(RULE).tries).then((n) => n === 1));
    await failing.consumer.stop();
    const { handled } = await consumer();
    await waitFor("the inbox to be empty", isEmpty);
    expect(handled.map(({ attempt }) => attempt)).toEqual([2, 1]);
  });
});

describe("a text that the handler returns", () => {
  it("is answered with before the message counts as handled; nothing else is", async () => {
    const answers: string[] = [];
    const released = Promise.withResolvers<void>();
    await consumer({
      handler: ({ content }) => (content === "message 0" ? { not: "a text" } : Promise.resolve(`re: ${content}`)),
      answer: async ({ identifier }, text) => {
        answers.push(`${identifier} ${text}`);
        await released.promise;
      },
    });
    await append(0, 2);
    await waitFor("the answer", () => answers.length === 1);
    await waitFor("the other to be acked", async () => (await stores.redis.xlen(stores.keys.rule(RULE).inbox)) === 1);
    released.resolve();
    await waitFor("the inbox to be empty", isEmpty);
    expect(answers).toEqual(["alice re: message 1"]);
  });

  it("that cannot be answered with is a failed try", async () => {
    const tries: number[] = [];
    await consumer({
      maxTries: 2,
      handler: ({ attempt }) => {
        tries.push(attempt);
        return "text";
      },
      answer: () => Promise.reject(new Error("nobody there")),
    });
    await append(0, 1);
    await waitFor("the inbox to be empty", isEmpty);
    expect(tries).toEqual([1, 2]);
    expect(await letters()).toMatchObject([{ reason: "nobody there" }]);
  });
});

describe("a replica that was taken for lost", () => {
  it("begins nothing of what it was given, goes on under another id, and its late ack spares a second handling", async () => {
    const release = Promise.withResolvers<void>();
    const begun: string[] = [];
    const first = await consumer({
      leaseMs: 600,
      handler: ({ content, attempt }) => {
        begun.push(`${content} ${attempt}`);
        return release.promise;
      },
    });
    await append(0, 3);
    await waitFor("the first to be begun", () => begun.length === 1);
    const { replicaId } = first.consumer;
    await lapse(first);
    await stores.rules.park(RULE, replicaId, 5);
    await waitFor("it to go on under another id", () => first.consumer.replicaId !== replicaId);
    // It was given the same again, and is still at the first of it.
    await waitFor("the lane to be its own", async () =>
      (await stores.redis.hget(stores.keys.rule(RULE).lanes, "alice"))?.startsWith(first.consumer.replicaId),
    );
    expect(begun).toEqual(["message 0 1"]);
    release.resolve();
    await waitFor("the inbox to be empty", isEmpty);
    expect(begun).toEqual(["message 0 1", "message 1 1", "message 2 1"]);
    expect(first.errors).toEqual([]);
  });
});

describe("what a lost replica was at", () => {
  it("is handled by a replica that is the only one, each message alone, while others keep coming", async () => {
    const ghost = new RuleInbox(stores.redis, stores.keys, RULE, "shop");
    await stores.rules.hold(RULE, "shop", "ghost", 60_000);
    const followers = Array.from({ length: 10 }, (_, index) => `follower-${index}`);
    for (const follower of followers) await append(0, 2, follower);
    await ghost.take("ghost", { lanes: 10, messages: 256 });
    const busy = new Set<InboundMessage>();
    const crowded: string[] = [];
    const all: InboundMessage[] = [];
    await consumer({
      handler: async (message) => {
        busy.add(message);
        for (const each of busy) if (busy.size > 1 && each.attempt > 1) crowded.push(each.identifier);
        await stores.now();
        busy.delete(message);
        all.push(message);
      },
    });
    await stores.redis.zadd(stores.keys.rule(RULE).replicas, 1_000, "ghost");
    const more = append(0, 50, "alice");
    await stores.rules.park(RULE, "ghost", 5);
    await more;
    await waitFor("the inbox to be empty", isEmpty);
    expect(crowded).toEqual([]);
    expect(all.filter(({ attempt }) => attempt === 2)).toHaveLength(10);
    expect(contents(all.filter(({ identifier }) => identifier === "alice"))).toEqual(expected(50));
    for (const follower of followers) {
      expect(contents(all.filter(({ identifier }) => identifier === follower))).toEqual(expected(2));
    }
  });
});

describe("a replica whose rule another group took", () => {
  it("tells so, begins nothing more, and goes on once the rule is free", async () => {
    const release = Promise.withResolvers<void>();
    const begun: string[] = [];
    const first = await consumer({
      leaseMs: 300,
      handler: ({ content }) => {
        begun.push(content);
        return content === "message 0" ? release.promise : undefined;
      },
    });
    await append(0, 3);
    await waitFor("the first to be begun", () => begun.length === 1);
    await waitFor("the rule to be taken", async () => {
      await lapse(first);
      return (await stores.rules.hold(RULE, "spy", "other", 60_000)).outcome === "held";
    });
    await waitFor("the refusal", () => first.errors.some((error) => error instanceof RuleHeldError));
    release.resolve();
    await stores.rules.leave(RULE, "other");
    await waitFor("the inbox to be empty", isEmpty);
    // The other group gave the first back: it was handled, and its ack had come too early to count.
    expect(begun.slice(0, 1)).toEqual(["message 0"]);
    expect(begun.slice(-2)).toEqual(["message 1", "message 2"]);
  });
});

describe("a consumer over a restart of Redis", () => {
  it("goes on by itself, and handles what came before and after", async () => {
    const { handled, consumer: one } = await consumer({ leaseMs: 5_000 });
    const until = async () => Number(await stores.redis.zscore(stores.keys.rule(RULE).replicas, one.replicaId));
    await append(0, 5);
    await waitFor("the first five", () => handled.length === 5);
    const before = await until();
    await server.kill("SIGKILL");
    await server.restart();
    await waitFor("the connection to be back", () => stores.redis.status === "ready");
    await waitFor("the lease to be renewed", async () => (await until()) > before);
    await append(5, 10);
    await waitFor("the inbox to be empty", isEmpty);
    expect(contents(handled)).toEqual(expected(10));
  });

  it("handles nothing twice and nothing out of order, when Redis dies under many replicas and comes back", async () => {
    const all: InboundMessage[] = [];
    const replicas = [];
    for (let replica = 0; replica < 3; replica++) {
      const handler = async (message: InboundMessage) => {
        await new Promise(setImmediate);
        all.push(message);
      };
      replicas.push(await consumer({ leaseMs: 10_000, concurrency: 2, handler }));
    }
    const followers = ["alice", "bob", "carol", "dave", "eve"];
    await Promise.all(followers.map((follower) => append(0, 200, follower)));
    for (let times = 1; times <= 2; times++) {
      await waitFor("some to be handled", () => all.length > times * 50);
      await server.kill("SIGKILL");
      await server.restart();
      await waitFor("the connection to be back", () => stores.redis.status === "ready");
    }
    await waitFor("the inbox to be empty", isEmpty, 20_000);
    for (const follower of followers) {
      expect(contents(all.filter(({ identifier }) => identifier === follower))).toEqual(expected(200));
    }
    expect(replicas.some(({ errors }) => errors.length > 0)).toBe(true);
  });

  it("does not handle again what it handled before Redis died, however late it can ack it", async () => {
    let away: Promise<void> | undefined;
    const appended = Promise.withResolvers<void>();
    const handled: string[] = [];
    await consumer({
      leaseMs: 1_000,
      handler: async ({ content }) => {
        handled.push(content);
        // Redis dies while the first message is handled, and after it took the last.
        if (away === undefined) {
          away = appended.promise.then(() => server.kill("SIGKILL"));
          await away;
        }
      },
    });
    await Promise.all(expected(10).map((content) => stores.rules.append(RULE, "alice", content, { maxBacklog: 100 })));
    appended.resolve();
    await waitFor("the first message", () => away !== undefined);
    await away;
    await server.restart();
    await waitFor("the connection to be back", () => stores.redis.status === "ready");
    await waitFor("the inbox to be empty", isEmpty, 15_000);
    expect(handled).toHaveLength(10);
    expect(new Set(handled)).toEqual(new Set(expected(10)));
  });

  it("acks again what it handled when Redis lost the ack, and does not handle it again", async () => {
    const { handled, consumer: one, redis } = await consumer();
    await append(0, 1);
    await waitFor("the inbox to be empty", isEmpty);
    const [message] = handled;
    if (message === undefined) throw new Error("nothing was handled");
    // As after a failover to a server that had not got the ack.
    const { inbox, lanes } = stores.keys.rule(RULE);
    const other = await stores.open("commands");
    await other
      .multi()
      .del(inbox)
      .xadd(inbox, message.id, "from", "alice", "content", message.content)
      .xgroup("CREATE", inbox, "shop", message.id)
      .xclaim(inbox, "shop", one.replicaId, 0, message.id, "FORCE", "JUSTID")
      .hset(lanes, "alice", `${one.replicaId} 1`)
      .exec();
    redis.disconnect(true);
    await append(1, 2);
    await waitFor("the inbox to be empty", isEmpty);
    expect(contents(handled)).toEqual(expected(2));
  });

  it.each(["a reconnect", "a renewal that failed"])(
    "does so after %s also while it is at as much as it may be, and asks Redis for nothing else",
    async (cause) => {
      const release = Promise.withResolvers<void>();
      const handled: InboundMessage[] = [];
      const {
        consumer: one,
        redis,
        errors,
      } = await consumer({
        concurrency: 1,
        leaseMs: cause === "a reconnect" ? 60_000 : 1_500,
        handler: (message) => {
          handled.push(message);
          return message.identifier === "bob" ? release.promise : undefined;
        },
      });
      await append(0, 1);
      await waitFor("the inbox to be empty", isEmpty);
      await append(1, 2, "bob");
      await waitFor("the second to be begun", () => handled.length === 2);
      const [lost] = handled;
      if (lost === undefined) throw new Error("nothing was handled");
      // As after a restart of a server that had not got the ack.
      const { inbox, lanes, holder } = stores.keys.rule(RULE);
      const held = await stores.redis.xrange(inbox, "-", "+");
      const transaction = stores.redis.multi().del(inbox);
      transaction.xadd(inbox, lost.id, "from", "alice", "content", lost.content);
      for (const [id, fields] of held) transaction.xadd(inbox, id, ...fields);
      transaction.xgroup("CREATE", inbox, "shop", "$");
      for (const id of [lost.id, ...held.map(([each]) => each)]) {
        transaction.xclaim(inbox, "shop", one.replicaId, 0, id, "FORCE", "JUSTID");
      }
      await transaction.hset(lanes, "alice", `${one.replicaId} 1`).exec();
      if (cause === "a reconnect") redis.disconnect(true);
      else {
        await stores.redis.multi().rename(holder, `${holder}:aside`).set(holder, "no hash").exec();
        await waitFor("the renewal to fail", () => errors.length > 0);
        await stores.redis.rename(`${holder}:aside`, holder);
      }
      await waitFor("the ack to be sent again", async () => (await stores.redis.xlen(inbox)) === 1);
      expect(await stores.redis.hkeys(lanes)).toEqual(["bob"]);
      release.resolve();
      await waitFor("the inbox to be empty", isEmpty);
      expect(contents(handled)).toEqual(expected(2));
    },
  );

  it("leaves nothing behind on its connection once it stopped", async () => {
    const redis = await stores.open("commands");
    const count = () => [redis.listenerCount("ready"), redis.getMaxListeners()];
    const before = count();
    const stopped = new RuleConsumer(redis, await stores.open("blocking"), stores.keys, {
      ...{ rule: RULE, group: "shop", handler: () => {}, onError: () => {} },
    });
    await stopped.start();
    expect(count()).not.toEqual(before);
    await stopped.stop();
    expect(count()).toEqual(before);
  });
});
