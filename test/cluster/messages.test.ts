import { InvalidMessageError } from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { TestCluster } from "../support/testCluster.ts";
import type { TestNode } from "../support/testNode.ts";
import { waitFor } from "../support/waitFor.ts";

let redis: RedisServer;
let cluster: TestCluster;
let node: TestNode;
beforeAll(async () => {
  redis = await startRedis({ persistent: false });
});
afterAll(() => redis.stop());
beforeEach(async () => {
  cluster = await TestCluster.open(redis.url, { YONEXUS_INBOUND_BURST: "1000" });
  node = await cluster.startNode();
});
afterEach(() => cluster.stop());

describe("a message from a follower", () => {
  it("reaches the holder of its rule with the sender that was authenticated, content untouched", async () => {
    const contents = ["hello", "", "a::b", "::", "builtin::{}", "mallory::pretending", "ü 漢字 👩‍👩‍👧 \u0000\n\t", " "];
    const handled: { rule: string; identifier: string; content: string }[] = [];
    await cluster.holdRule({
      rule: "chat",
      handler: ({ rule, identifier, content }) => void handled.push({ rule, identifier, content }),
    });
    const follower = await cluster.logIn(node, await cluster.pairedFollower("alice"));
    for (const content of contents) follower.send(`chat::${content}`);
    await waitFor("all to be handled", () => handled.length === contents.length);
    expect(handled).toEqual(contents.map((content) => ({ rule: "chat", identifier: "alice", content })));
    expect(follower.types).toEqual(["hello_ack", "auth_success"]);
  });

  it("is handled also when the follower closes right after it, or its node drains", async () => {
    const handled: string[] = [];
    await cluster.holdRule({ rule: "bulk", handler: ({ content }) => void handled.push(content) });
    const alice = await cluster.pairedFollower("alice");
    const closing = await cluster.logIn(node, alice);
    for (let count = 0; count < 30; count++) closing.send(`bulk::close ${count}`);
    await closing.close();
    await waitFor("all before the close", () => handled.length === 30);
    await cluster.waitForStatus("alice", "offline");

    const drained = await cluster.logIn(node, alice);
    for (let count = 0; count < 30; count++) drained.send(`bulk::drain ${count}`);
    // The first is on its way: the node has begun to read them.
    await waitFor("the first", () => handled.length > 30);
    await node.drain();
    expect(await drained.closed()).toEqual({ code: 4012, reason: "draining" });
    await waitFor("all before the drain", () => handled.length === 60);
    expect(handled).toEqual([
      ...Array.from({ length: 30 }, (_, count) => `close ${count}`),
      ...Array.from({ length: 30 }, (_, count) => `drain ${count}`),
    ]);
  });

  it("of each follower is handled in the order it was sent, from two nodes", async () => {
    const other = await cluster.startNode();
    const handled = new Map<string, number[]>([
      ["alice", []],
      ["bob", []],
    ]);
    await cluster.holdRule({
      rule: "count",
      handler: ({ identifier, content }) => void handled.get(identifier)?.push(Number(content)),
    });
    const followers = [
      await cluster.logIn(node, await cluster.pairedFollower("alice")),
      await cluster.logIn(other, await cluster.pairedFollower("bob")),
    ];
    for (let count = 0; count < 300; count++) for (const follower of followers) follower.send(`count::${count}`);
    await waitFor("all to be handled", () => [...handled.values()].every(({ length }) => length === 300));
    const expected = Array.from({ length: 300 }, (_, count) => count);
    expect([...handled.values()]).toEqual([expected, expected]);
  });

  it("under a rule of odd characters reaches that rule and no other", async () => {
    const handled: string[] = [];
    const rules = ["日本語", "a:b", "{alice}", "%7balice%7d", "a b"];
    for (const rule of rules) {
      await cluster.holdRule({ rule, handler: (message) => void handled.push(`${rule}|${message.rule}`) });
    }
    const follower = await cluster.logIn(node, await cluster.pairedFollower("alice"));
    for (const rule of rules) follower.send(`${rule}::x`);
    await waitFor("all to be handled", () => handled.length === rules.length);
    expect(handled.sort()).toEqual(rules.map((rule) => `${rule}|${rule}`).sort());
  });

  it("that nobody holds the rule of is answered UNKNOWN_RULE, with the rule and without the content", async () => {
    const follower = await cluster.logIn(node, await cluster.pairedFollower("alice"));
    follower.send("nobody::a word to nobody");
    const { payload } = await follower.next("error");
    expect(payload).toMatchObject({ code: "UNKNOWN_RULE", details: { rule: "nobody" } });
    expect(JSON.stringify(payload)).not.toContain("a word");

    const rule = await cluster.holdRule({ rule: "nobody", handler: () => {} });
    await rule.stop();
    follower.send("nobody::a word to nobody");
    expect((await follower.next("error")).payload.code).toBe("UNKNOWN_RULE");
  });

  it("that the rule's backlog has no room for is answered OVERLOADED, and taken when there is room again", async () => {
    const small = await cluster.startNode({ YONEXUS_RULE_BACKLOG: "3" });
    const handled: string[] = [];
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    await cluster.holdRule({
      rule: "slow",
      handler: async ({ content }) => {
        await gate;
        handled.push(content);
      },
    });
    const follower = await cluster.logIn(small, await cluster.pairedFollower("alice"));
    for (const content of ["1", "2", "3", "4"]) follower.send(`slow::${content}`);
    expect((await follower.next("error")).payload).toMatchObject({ code: "OVERLOADED", details: { rule: "slow" } });
    release();
    await waitFor("the backlog to be worked off", () => handled.length === 3);
    const inbox = cluster.stores.keys.rule("slow").inbox;
    await waitFor("room", async () => (await cluster.stores.redis.xlen(inbox)) === 0);
    follower.send("slow::5");
    await waitFor("the next one", () => handled.length === 4);
    expect(handled).toEqual(["1", "2", "3", "5"]);
  });

  it("is gone from Redis once it was handled", async () => {
    await cluster.holdRule({ rule: "chat", handler: () => {} });
    const follower = await cluster.logIn(node, await cluster.pairedFollower("alice"));
    follower.send("chat::a secret word");
    follower.heartbeat(await cluster.newFollower("alice"));
    await follower.next("heartbeat_ack");
    const inbox = cluster.stores.keys.rule("chat").inbox;
    await waitFor("the inbox to be empty", async () => (await cluster.stores.redis.xlen(inbox)) === 0);
  });
});

describe("a message to a follower", () => {
  it("is delivered from any process to whichever node holds it, as it was sent", async () => {
    const other = await cluster.startNode();
    const [alice, bob] = [await cluster.pairedFollower("alice"), await cluster.pairedFollower("bob")];
    const followers = { alice: await cluster.logIn(node, alice), bob: await cluster.logIn(other, bob) };
    const sender = await cluster.sender();
    for (const content of ["hello", "", "a::b", "line\nline", "漢字 👩‍👩‍👧"]) {
      for (const [identifier, place] of [
        ["alice", node],
        ["bob", other],
      ] as const) {
        const sent = await sender.sendMessageToClient(identifier, `chat::${content}`);
        expect(sent).toEqual({
          result: "delivered",
          messageId: expect.any(String),
          reached: "written",
          node: place.nodeId,
        });
        expect(await followers[identifier].nextApplication()).toBe(`chat::${content}`);
      }
    }
  });

  it("arrives in the order it was sent, a thousand at once, each delivered once", async () => {
    const follower = await cluster.logIn(node, await cluster.pairedFollower("alice"));
    const sender = await cluster.sender();
    const messages = Array.from({ length: 1_000 }, (_, index) => `chat::${index}`);
    const results = await Promise.all(messages.map((message) => sender.sendMessageToClient("alice", message)));
    expect(new Set(results.map(({ result }) => result))).toEqual(new Set(["delivered"]));
    await waitFor("all to arrive", () => follower.received.length >= messages.length + 2);
    expect(follower.received.slice(2)).toEqual(messages);
  });

  it("arrives as it was sent when hundreds for followers on two nodes share a tick", async () => {
    const other = await cluster.startNode();
    const followers = {
      alice: await cluster.logIn(node, await cluster.pairedFollower("alice")),
      bob: await cluster.logIn(other, await cluster.pairedFollower("bob")),
      carol: await cluster.logIn(other, await cluster.pairedFollower("carol")),
    };
    const sender = await cluster.sender();
    const contents = ["", "漢字 👩‍👩‍👧", "1 2 3 alice\nb x\n", "\u0000", "ümläut"];
    const messages = Array.from({ length: 100 }, (_, count) => `chat::${count} ${contents[count % contents.length]}`);
    const sends = messages.flatMap((message) =>
      Object.keys(followers).map((identifier) => sender.sendMessageToClient(identifier, message)),
    );
    expect(new Set((await Promise.all(sends)).map(({ result }) => result))).toEqual(new Set(["delivered"]));
    for (const follower of Object.values(followers)) {
      await waitFor("all to arrive", () => follower.received.length >= messages.length + 2);
      expect(follower.received.slice(2)).toEqual(messages);
    }
  });

  it("that is recorded can be looked at from any process, with the node that delivered it", async () => {
    await cluster.logIn(node, await cluster.pairedFollower("alice"));
    const { messageId } = await (await cluster.sender()).sendMessageToClient("alice", "chat::x", { record: true });
    expect(await (await cluster.sender()).getMessage(messageId)).toMatchObject({
      identifier: "alice",
      delivery: "live",
      state: "written",
      node: node.nodeId,
      tries: 1,
      bytes: 7,
    });
  });

  it("that is queued waits for a follower that never acks, and its sender hears when the socket took it", async () => {
    const alice = await cluster.pairedFollower("alice");
    const sender = await cluster.sender();
    const send = (count: number) =>
      sender.sendMessageToClient("alice", `chat::${count}`, {
        delivery: "queued",
        waitFor: "acked",
        timeoutMs: 20_000,
      });
    const waiting = [send(1), send(2)];
    const queue = cluster.stores.keys.follower("alice").queue;
    await waitFor("both to be queued", async () => (await cluster.stores.redis.xlen(queue)) === 2);
    const follower = await cluster.logIn(node, alice);
    const delivered = { result: "delivered", reached: "written", node: node.nodeId };
    expect(await Promise.all([...waiting, send(3)])).toMatchObject([1, 2, 3].map((seq) => ({ ...delivered, seq })));
    expect(follower.received.slice(2)).toEqual(["chat::1", "chat::2", "chat::3"]);
  });

  it("is offline, with why and since when: unknown, never connected, disconnected, revoked, taken off the allowlist", async () => {
    const sender = await cluster.sender();
    const send = (identifier: string) => sender.sendMessageToClient(identifier, "chat::hello");
    expect(await send("nobody")).toMatchObject({ result: "offline", reason: "unknown_identifier" });
    const alice = await cluster.pairedFollower("alice");
    expect(await send("alice")).toMatchObject({ result: "offline", reason: "never_connected" });
    const follower = await cluster.logIn(node, alice);
    await follower.close();
    await cluster.waitForStatus("alice", "offline");
    const now = await cluster.stores.now();
    const gone = await send("alice");
    expect(gone).toMatchObject({ result: "offline", reason: "disconnected", lastNode: node.nodeId });
    expect(Math.abs(now - ("lastSeenAt" in gone ? (gone.lastSeenAt ?? 0) : 0))).toBeLessThan(5_000);
    await cluster.logIn(node, alice);
    await cluster.stores.trust.clear("alice", "a test", { disallow: true });
    expect(await send("alice")).toMatchObject({ result: "offline", reason: "trust_revoked" });
  });

  it("that is no message, or too large, or for no identifier, is refused before it is sent", async () => {
    const sender = await cluster.sender();
    for (const [identifier, message] of [
      ["alice", "no rule"],
      ["alice", "builtin::{}"],
      ["alice", `chat::${"x".repeat(65_536)}`],
      ["not an identifier", "chat::x"],
    ] as const) {
      await expect(sender.sendMessageToClient(identifier, message)).rejects.toThrow(InvalidMessageError);
    }
  });

  it("follows a session that moves between nodes: none is lost without the sender being told", async () => {
    const other = await cluster.startNode();
    const alice = await cluster.pairedFollower("alice");
    const followers = [await cluster.logIn(node, alice)];
    const sender = await cluster.sender();
    const results: string[] = [];
    let moving = true;
    const sending = (async () => {
      for (let count = 0; moving; count++) {
        results.push(`${(await sender.sendMessageToClient("alice", `chat::${count}`)).result} ${count}`);
      }
    })();
    for (let move = 0; move < 8; move++) followers.push(await cluster.logIn(move % 2 === 0 ? other : node, alice));
    moving = false;
    await sending;
    const delivered = results.filter((result) => result.startsWith("delivered")).map((result) => result.split(" ")[1]);
    const arrived = () => followers.flatMap(({ received }) => received.filter((frame) => frame.startsWith("chat::")));
    await waitFor("what was delivered to arrive", () => arrived().length >= delivered.length);
    expect(new Set(arrived())).toEqual(new Set(delivered.map((count) => `chat::${count}`)));
    expect(new Set(results.map((result) => result.split(" ")[0]))).toEqual(new Set(["delivered"]));
  });
});
