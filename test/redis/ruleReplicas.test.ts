import { execPath } from "node:process";
import { fileURLToPath } from "node:url";
import { type InboundMessage, type RedisConnection, RuleConsumer } from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type GuardedProcess, startGuarded } from "../support/guardedProcess.ts";
import { startRedisCluster } from "../support/redisCluster.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { openStores, type Stores } from "../support/stores.ts";
import { waitFor } from "../support/waitFor.ts";

const RULE = "orders";
const GROUP = "shop";
/** Longer than a loaded machine holds a process up: after that what it has is taken from it, as it should be. */
const LEASE_MS = 2_500;
/** One lease, one renewal, and what a loaded machine takes. */
const TAKEN_WITHIN_MS = LEASE_MS + LEASE_MS / 3 + 10_000;
const PROGRAM = fileURLToPath(new URL("../support/ruleReplica.ts", import.meta.url));

let server: RedisServer;
let stores: Stores;
let stops: (() => Promise<unknown>)[];
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

async function processReplica(concurrency = 16): Promise<GuardedProcess> {
  const before = (await stores.redis.zrange(stores.keys.rule(RULE).replicas, "0", "-1")).length;
  const child = await startGuarded(execPath, [
    ...["--conditions=source", PROGRAM, server.url, stores.keys.prefix, RULE, GROUP, String(LEASE_MS)],
    String(concurrency),
  ]);
  stops.push(() => {
    child.signal("SIGKILL");
    child.signal("SIGCONT");
    return child.exited;
  });
  await waitFor("the process to hold the rule", async () => {
    return (await stores.redis.zrange(stores.keys.rule(RULE).replicas, "0", "-1")).length > before;
  });
  return child;
}

async function replica(handled: InboundMessage[]): Promise<RuleConsumer> {
  const consumer = new RuleConsumer(await stores.open("commands"), await stores.open("blocking"), stores.keys, {
    rule: RULE,
    group: GROUP,
    handler: (message) => void handled.push(message),
    onError: () => {},
    leaseMs: LEASE_MS,
  });
  await consumer.start();
  stops.push(() => consumer.stop());
  return consumer;
}

const append = async (identifier: string, ...contents: string[]) => {
  for (const content of contents) {
    expect(await stores.rules.append(RULE, identifier, content, { maxBacklog: 10_000 })).toBe("appended");
  }
};
const noted = (list: "begun" | "done") => stores.redis.lrange(`${stores.keys.prefix}:${list}`, 0, -1);
const texts = (handled: readonly InboundMessage[]) =>
  handled.map(({ identifier, content, attempt }) => `${identifier} ${content} ${attempt}`);
const isEmpty = async () => (await stores.redis.xlen(stores.keys.rule(RULE).inbox)) === 0;
const block = () => stores.redis.set(`${stores.keys.prefix}:block`, "1");

describe("the process of a replica", () => {
  it("that is killed loses what it was at to another within one lease and one renewal, in order, and nothing else counts", async () => {
    await block();
    const child = await processReplica(1);
    await append("alice", "block", "2", "3");
    await append("bob", "1", "2");
    await waitFor("the first to be begun", async () => (await noted("begun")).length === 1);
    const handled: InboundMessage[] = [];
    await replica(handled);
    // Others' messages go on meanwhile.
    await waitFor("the others", () => handled.length >= 2);
    child.signal("SIGKILL");
    await child.exited;
    await waitFor("the rest to be handled", () => handled.length === 5, TAKEN_WITHIN_MS);
    await waitFor("the inbox to be empty", isEmpty);
    expect(texts(handled)).toEqual(["bob 1 1", "bob 2 1", "alice block 2", "alice 2 1", "alice 3 1"]);
    const consumers = (await stores.redis.xinfo("CONSUMERS", stores.keys.rule(RULE).inbox, GROUP)) as unknown[];
    expect(consumers.length).toBeLessThanOrEqual(2);
  }, 90_000);

  it("that is stopped for longer than its lease, and goes on, begins nothing of what was taken from it", async () => {
    await block();
    const child = await processReplica();
    // One handler ends as soon as the process goes on, before it can hear anything of Redis; the other one does not.
    await append("alice", "sleep", "2", "3", "4");
    await append("bob", "block", "2");
    await waitFor("both to be begun", async () => (await noted("begun")).length === 2);
    child.signal("SIGSTOP");
    const handled: InboundMessage[] = [];
    await replica(handled);
    await waitFor("all to be taken", () => handled.length === 6, TAKEN_WITHIN_MS);
    await waitFor("the inbox to be empty", isEmpty);
    await stores.redis.del(`${stores.keys.prefix}:block`);
    child.signal("SIGCONT");
    await waitFor("it to end what it was at", async () => (await noted("done")).length === 2);
    await waitFor("it to hold the rule again", async () => {
      const [record] = await stores.rules.list();
      return record?.replicas.length === 2;
    });
    expect((await noted("begun")).toSorted()).toEqual(["alice sleep 1", "bob block 1"]);
    // It is of use again: whoever gets them, they are handled once, in order.
    await append("alice", "5", "6");
    await append("carol", "1", "2");
    await waitFor("the inbox to be empty", isEmpty);
    const since = [...texts(handled).slice(6), ...(await noted("begun")).slice(2)];
    expect(since.toSorted()).toEqual(["alice 5 1", "alice 6 1", "carol 1 1", "carol 2 1"]);
    expect(
      texts(handled)
        .filter((text) => text.startsWith("alice"))
        .slice(0, 4),
    ).toEqual(["alice sleep 2", "alice 2 1", "alice 3 1", "alice 4 1"]);
  }, 90_000);

  it("that is stopped for less than that goes on where it was, and nothing is handled twice", async () => {
    await block();
    const child = await processReplica();
    await append("alice", "block", "2", "3");
    await waitFor("the first to be begun", async () => (await noted("begun")).length === 1);
    const handled: InboundMessage[] = [];
    await replica(handled);
    child.signal("SIGSTOP");
    await stores.redis.del(`${stores.keys.prefix}:block`);
    child.signal("SIGCONT");
    await waitFor("the inbox to be empty", isEmpty);
    expect(await noted("begun")).toEqual(["alice block 1", "alice 2 1", "alice 3 1"]);
    expect(handled).toEqual([]);
  });
});

/** A generator of pseudo-random numbers from 0 to below 1 (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface MortalReplica {
  readonly consumer: RuleConsumer;
  readonly connections: readonly RedisConnection[];
  isDead: boolean;
}

/** What is seen of all replicas' handlers. */
class Witness {
  readonly complaints: string[] = [];
  /** By follower and content: the replicas that handled it. */
  readonly #handled = new Map<string, MortalReplica[]>();
  /** By follower: the message begun last, and by whom. */
  readonly #last = new Map<string, { by: MortalReplica; n: number; isOver: boolean }>();

  begin(by: MortalReplica, { identifier, content, attempt }: InboundMessage): void {
    const n = Number(content);
    const last = this.#last.get(identifier);
    const inTurn = n === (last?.n ?? -1) + 1 || (attempt > 1 && n === last?.n);
    // What a dead replica did and could not ack is done again from there on.
    const again = last?.by.isDead === true && last.by !== by && n <= last.n;
    if (!inTurn && !again) this.complaints.push(`${identifier}: ${n} came after ${last?.n}`);
    if (last !== undefined && !last.isOver && !last.by.isDead)
      this.complaints.push(`${identifier}: ${n} with ${last.n}`);
    this.#last.set(identifier, { by, n, isOver: false });
  }

  end(by: MortalReplica, { identifier, content }: InboundMessage, how: "handled" | "failed"): void {
    const last = this.#last.get(identifier);
    if (last?.by === by) last.isOver = true;
    const key = `${identifier} ${content}`;
    if (how === "handled") this.#handled.set(key, [...(this.#handled.get(key) ?? []), by]);
  }

  /** Everything was handled, and nothing twice but what a dead replica had handled. */
  judge(next: ReadonlyMap<string, number>): string[] {
    const keys = [...next].flatMap(([follower, count]) => Array.from({ length: count }, (_, n) => `${follower} ${n}`));
    return keys.flatMap((key) => {
      const by = this.#handled.get(key) ?? [];
      if (by.length === 0) return [`${key} was never handled`];
      return by.filter(({ isDead }) => !isDead).length > 1 ? [`${key} was handled twice`] : [];
    });
  }
}

describe("many replicas of a rule", () => {
  it("lose nothing, and keep every follower's order, while handlers fail and replicas die, leave and come", async () => {
    const seed = Number(process.env.RULE_WALK_SEED ?? Date.now() % 2 ** 31);
    const random = randomFrom(seed);
    const witness = new Witness();

    const join = async (): Promise<MortalReplica> => {
      const connections = [await stores.open("commands"), await stores.open("blocking")] as const;
      const consumer = new RuleConsumer(...connections, stores.keys, {
        rule: RULE,
        group: GROUP,
        leaseMs: 5_000,
        stopTimeoutMs: 50,
        concurrency: 3,
        maxTries: 1_000,
        retry: { firstMs: 2, mostMs: 10 },
        onError: () => {},
        handler: async (message) => {
          witness.begin(self, message);
          await new Promise((resume) => setTimeout(resume, random() * 3));
          // Nobody hears of what a dead one does.
          if (self.isDead) return new Promise(() => {});
          const fails = message.attempt < 4 && random() < 0.1;
          witness.end(self, message, fails ? "failed" : "handled");
          if (fails) throw new Error("failed");
          return undefined;
        },
      });
      const self: MortalReplica = { consumer, connections, isDead: false };
      await consumer.start();
      stops.push(() => consumer.stop());
      return self;
    };
    const die = (mortal: MortalReplica): void => {
      mortal.isDead = true;
      for (const connection of mortal.connections) connection.disconnect();
    };

    const replicas = [await join(), await join(), await join()];
    const followers = Array.from({ length: 8 }, (_, index) => `follower-${index}`);
    const next = new Map(followers.map((follower) => [follower, 0]));
    const fates: string[] = [];
    // About two leases: what the first that died had is taken while more comes.
    for (let turn = 0; turn < 240; turn++) {
      for (let count = 0; count < 15; count++) {
        const follower = followers[Math.floor(random() * followers.length)] ?? "";
        const n = next.get(follower) ?? 0;
        await append(follower, String(n));
        next.set(follower, n + 1);
      }
      const index = Math.floor(random() * replicas.length);
      const chosen = replicas[index];
      if (chosen !== undefined && random() < 0.05) {
        if (random() < 0.5) die(chosen);
        else await chosen.consumer.stop();
        fates.push(`${chosen.isDead ? "death" : "leave"} in turn ${turn}`);
        replicas[index] = await join();
      }
      await new Promise((resume) => setTimeout(resume, random() * 15));
    }
    const story = `seed ${seed} (RULE_WALK_SEED), ${fates.join(", ")}`;
    await waitFor(`the inbox to be empty: ${story}`, isEmpty, 40_000);
    expect([...witness.complaints, ...witness.judge(next)], story).toEqual([]);
    const { lanes, waiting, ready, tries } = stores.keys.rule(RULE);
    expect(await stores.redis.exists(lanes, waiting, ready, tries)).toBe(0);
  }, 180_000);
});

describe("replicas on a Redis Cluster", () => {
  it("share a rule, keep each follower's order, make dead letters, and take what a lost one had", async () => {
    const cluster = await startRedisCluster();
    const onCluster = await openStores(cluster.url);
    try {
      const handled: InboundMessage[] = [];
      const start = async (handler: (message: InboundMessage) => unknown) => {
        const connections = [await onCluster.open("commands"), await onCluster.open("blocking")] as const;
        const consumer = new RuleConsumer(...connections, onCluster.keys, {
          ...{ rule: "odd {rule} 🦊", group: GROUP, leaseMs: LEASE_MS, maxTries: 2, onError: () => {} },
          ...{ retry: { firstMs: 1, mostMs: 2 }, stopTimeoutMs: 50 },
          handler,
        });
        await consumer.start();
        return { consumer, connections };
      };
      let blocked = 0;
      const lost = await start(() => {
        blocked += 1;
        return new Promise(() => {});
      });
      const sends = ["alice", "bob", "carol"].map(async (follower) => {
        for (let n = 0; n < 20; n++) {
          const options = { maxBacklog: 100, messageId: `id-${n}` };
          expect(await onCluster.rules.append("odd {rule} 🦊", follower, String(n), options)).toBe("appended");
          expect(await onCluster.rules.append("odd {rule} 🦊", follower, String(n), options)).toBe("duplicate");
        }
      });
      await Promise.all(sends);
      await waitFor("the first of each to be begun", () => blocked === 3);
      for (const connection of lost.connections) connection.disconnect();
      const { consumer } = await start((message) => {
        if (message.content === "7") throw new Error("not seven");
        handled.push(message);
      });
      const own = onCluster.keys.rule("odd {rule} 🦊");
      await waitFor("the inbox to be empty", async () => (await onCluster.redis.xlen(own.inbox)) === 0, 30_000);
      for (const follower of ["alice", "bob", "carol"]) {
        const contents = handled.filter(({ identifier }) => identifier === follower).map(({ content }) => content);
        expect(contents).toEqual(Array.from({ length: 20 }, (_, n) => String(n)).filter((n) => n !== "7"));
      }
      expect(await onCluster.redis.xlen(own.deadLetters)).toBe(3);
      await consumer.stop();
      await lost.consumer.stop();
    } finally {
      onCluster.close();
      await cluster.stop();
    }
  }, 90_000);
});
