import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type FollowerIdentity, type RawFollower, UpgradeRefused } from "../support/rawFollower.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { TestCluster } from "../support/testCluster.ts";
import type { TestNode } from "../support/testNode.ts";
import { waitFor } from "../support/waitFor.ts";

let redis: RedisServer;
let cluster: TestCluster;
beforeEach(async () => {
  // With `everysec` a kill can cost the last seconds, and with them the trust of a follower that was just paired.
  redis = await startRedis({ args: ["--appendfsync", "always"] });
  cluster = await TestCluster.open(redis.url);
});
afterEach(async () => {
  // A test that failed may have left it halted.
  await redis.resume();
  await cluster.stop();
  await redis.stop();
});

/** The tests' own connections come back in their own time. */
const testsAreConnected = async () => waitFor("the connection of the tests", () => cluster.stores.now());

const probe = async (node: TestNode, path: string) => {
  const answer = await fetch(`${node.url.replace("ws:", "http:")}${path}`);
  return { status: answer.status, text: await answer.text() };
};

interface Member {
  readonly identity: FollowerIdentity;
  readonly follower: RawFollower;
}

/** Followers on two nodes that send, and are sent to, without a pause. */
class Load {
  readonly members: Member[] = [];
  readonly handled: string[] = [];
  readonly #timers: NodeJS.Timeout[] = [];

  async start(nodes: readonly TestNode[]): Promise<void> {
    await cluster.holdRule({
      rule: "chat",
      handler: ({ identifier, content }) => void this.handled.push(`${identifier} ${content}`),
    });
    for (let index = 0; index < 12; index++) {
      const identity = await cluster.pairedFollower(`follower-${index}`);
      const follower = await cluster.logIn(nodes[index % nodes.length] ?? { url: "" }, identity);
      this.members.push({ identity, follower });
    }
    const sender = await cluster.sender();
    let count = 0;
    this.#timers.push(
      setInterval(() => {
        count += 1;
        for (const { identity, follower } of this.members) {
          if (!follower.isOpen) continue;
          follower.send(`chat::${count}`);
          if (count % 10 === 0) follower.heartbeat(identity);
          sender.sendMessageToClient(identity.identifier, `chat::${count}`, { timeoutMs: 1_000 }).catch(() => {});
        }
      }, 50),
    );
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  get open(): number {
    return this.members.filter(({ follower }) => follower.isOpen).length;
  }

  /** How often followers were answered so. */
  refusals(code: string): number {
    return this.members
      .flatMap(({ follower }) => follower.messages)
      .filter((message) => message?.type === "error" && message.payload.code === code).length;
  }

  async isServed(): Promise<boolean> {
    const before = new Map(
      this.members.map(({ identity, follower }) => [identity.identifier, follower.received.length]),
    );
    const handledBefore = this.handled.length;
    await waitFor("every follower to be heard, acked and sent to", () => {
      const handled = this.handled.slice(handledBefore);
      return this.members.every(({ identity: { identifier }, follower }) => {
        const fresh = follower.received.slice(before.get(identifier) ?? 0);
        return (
          handled.some((line) => line.startsWith(`${identifier} `)) &&
          fresh.some((frame) => frame.startsWith("chat::")) &&
          fresh.some((frame) => frame.includes('"heartbeat_ack"'))
        );
      });
    });
    return true;
  }
}

describe.each([
  ["is killed and started again", () => redis.kill(), () => redis.restart()],
  [
    "stops answering for five seconds",
    () => redis.pause(),
    async () => {
      const resumeAt = performance.now() + 1_500;
      // With what it takes until the nodes call themselves unready.
      await waitFor("the rest of the five seconds", () => performance.now() >= resumeAt);
      await redis.resume();
    },
  ],
] as const)("a Redis that %s", (_how, takeAway, bringBack) => {
  it("closes no session: work is refused meanwhile, heartbeats are acked, and all goes on afterwards", async () => {
    const nodes = [await cluster.startNode(), await cluster.startNode()];
    const load = new Load();
    await load.start(nodes);
    await load.isServed();
    const quiet = await cluster.pairedFollower("quiet");
    const follower = await cluster.logIn(nodes[0] ?? { url: "" }, quiet);
    // A machine that stalls may have had some refused by now.
    const refusedBefore = load.refusals("OVERLOADED");

    await takeAway();
    for (const node of nodes) {
      await waitFor("the node to be unready because of Redis", async () => {
        const { status, text } = await probe(node, "/readyz");
        return status === 503 && text.includes("redis does not answer");
      });
      expect((await probe(node, "/healthz")).status).toBe(200);
      const refused = await cluster.connect(node).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(UpgradeRefused);
      expect(refused).toMatchObject({ status: 503, retryAfter: expect.stringMatching(/^\d+$/u) });
    }
    follower.heartbeat(quiet, "during");
    expect(await follower.next("heartbeat_ack")).toMatchObject({ requestId: "during", payload: { status: "online" } });
    follower.send("chat::during the outage");
    expect((await follower.next("error")).payload).toMatchObject({ code: "OVERLOADED", details: { rule: "chat" } });
    await waitFor("refusals", () => load.refusals("OVERLOADED") - refusedBefore >= load.members.length);
    expect(load.open).toBe(load.members.length);

    await bringBack();
    await testsAreConnected();
    for (const node of nodes)
      await waitFor("the node to be ready", async () => (await probe(node, "/readyz")).status === 200);
    expect(await load.isServed()).toBe(true);
    load.stop();
    expect(load.open).toBe(load.members.length);
    expect(follower.closing).toBeUndefined();
    for (const { identity } of load.members) expect(await cluster.status(identity.identifier)).toBe("online");
    await cluster.logIn(nodes[1] ?? { url: "" }, await cluster.pairedFollower("new"));
    // One line for each outage, not one for each connection or try, and one when the last connection is back.
    for (const { log } of nodes) {
      const told = (what: string) => log.filter((line) => line.includes(what)).length;
      await waitFor("its outage to be over", () => told("Redis answers again") === told("Redis does not answer"));
      expect([1, 2]).toContain(told("Redis does not answer"));
    }
  });
});

describe("a handshake while Redis is away", () => {
  it("is answered OVERLOADED and 4013; a claim that Redis made without an answer leaves no session behind", async () => {
    const node = await cluster.startNode();
    const alice = await cluster.pairedFollower("alice");
    const [proving, greeting] = [await cluster.connect(node), await cluster.connect(node)];
    proving.hello(alice);
    await proving.next("hello_ack");

    await redis.pause();
    proving.sendBuiltin("auth_request", alice.prove(), "auth");
    greeting.hello(alice);
    expect(await proving.next("error")).toMatchObject({ requestId: "auth", payload: { code: "OVERLOADED" } });
    for (const follower of [proving, greeting]) {
      expect(await follower.closed()).toEqual({ code: 4013, reason: "overloaded" });
    }
    await redis.resume();
    await testsAreConnected();

    const events = async () => (await cluster.stores.directory.audit("alice", 10)).map(({ event }) => event);
    await waitFor("the claim to be made, and its session to be ended", async () => {
      const [last, before] = await events();
      return last === "offline" && before === "online";
    });
    expect(await cluster.status("alice")).toBe("offline");
  });
});

describe("a node", () => {
  it("that is started before Redis waits for it, says so once, and is ready when it comes", async () => {
    await redis.kill();
    const log: string[] = [];
    const starting = cluster.startNodeProcess({}, log);
    await waitFor("the node to say what it waits for", () => log.some((line) => line.includes("check REDIS_URL")));
    await redis.restart();
    const node = await starting;
    await testsAreConnected();
    expect(log.filter((line) => line.includes("Redis does not answer"))).toHaveLength(1);
    expect(log.join("\n")).not.toMatch(/\bat \S+ \(.*:\d+:\d+\)/u);
    await cluster.logIn(node, await cluster.pairedFollower("alice"));
  });

  it("whose Redis refuses its password says so once, and starts when it no longer does", async () => {
    await redis.command("CONFIG", "SET", "requirepass", "another");
    const log: string[] = [];
    const starting = cluster.startNodeProcess({}, log);
    await waitFor("the node to say so", () => log.some((line) => line.includes("Redis refuses the password")));
    await redis.restart();
    await starting;
    await testsAreConnected();
    expect(log.filter((line) => line.includes("Redis refuses the password"))).toHaveLength(1);
    expect(log.filter((line) => line.includes("does not answer"))).toEqual([]);
  });

  it("whose Redis refuses to write says so once with its mend, and that all is settled only when it is", async () => {
    const node = await cluster.startNode({ YONEXUS_LEASE_MS: "3000" });
    const told = (text: string) => node.log.filter((line) => line.includes(text));
    await redis.command("CONFIG", "SET", "maxmemory", "100kb");
    await waitFor("the node to say so", () => told("Raise maxmemory").length > 0);
    await waitFor("more tries", () => told("could not be renewed").length >= 3);
    expect(told("settled the sessions")).toEqual([]);
    expect((await probe(node, "/readyz")).status).toBe(503);
    await redis.command("CONFIG", "SET", "maxmemory", "0");
    await waitFor("the node to be ready", async () => (await probe(node, "/readyz")).status === 200);
    expect(told("settled the sessions")).toHaveLength(1);
    expect(told("Raise maxmemory")).toHaveLength(1);
  });

  it.each([
    ["drain", "kill"],
    ["drain", "pause"],
    ["stop", "kill"],
  ] as const)("can %s while Redis is away (%s), and its followers are told", async (how, away) => {
    const node = await cluster.startNode({ YONEXUS_DRAIN_WINDOW_MS: "100" });
    const follower = await cluster.logIn(node, await cluster.pairedFollower("alice"));
    await redis[away]();
    const ended = node[how]().then(() => "ended");
    expect(await follower.closed()).toEqual({ code: 4012, reason: "draining" });
    const startedAt = performance.now();
    expect(await Promise.race([ended, waitFor("too long", () => performance.now() - startedAt > 15_000, 20_000)])).toBe(
      "ended",
    );
  });
});
