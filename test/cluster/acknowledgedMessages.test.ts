import { setTimeout as pause } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { RawFollower } from "../support/rawFollower.ts";
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

const ACKS = { capabilities: ["ack"] };

async function answerTo(follower: RawFollower, id: string, content = "hello", rule = "chat"): Promise<unknown> {
  follower.message(id, rule, content);
  return (await follower.next("message_ack")).payload;
}

/** Keeps what the rule's handler was given. */
async function handled(rule: string): Promise<string[]> {
  const contents: string[] = [];
  await cluster.holdRule({
    rule,
    handler: ({ identifier, content }) => void contents.push(`${identifier} ${content}`),
  });
  return contents;
}

describe("a message with an id", () => {
  it("is accepted once it is stored, answered to its request, and handed to the rule's handler with its sender", async () => {
    const contents = await handled("chat");
    const follower = await cluster.logIn(node, await cluster.pairedFollower("alice"), ACKS);
    const odd = ["hello", "", "a::b", "mallory::pretending", "漢字 👩‍👩‍👧 \u0000\n"];
    for (const [index, content] of odd.entries()) {
      follower.message(`m-${index}`, "chat", content, `r${index}`);
      const { requestId, payload } = await follower.next("message_ack");
      expect([requestId, payload]).toEqual([`r${index}`, { id: `m-${index}`, status: "accepted" }]);
    }
    await waitFor("all to be handled", () => contents.length === odd.length);
    expect(contents).toEqual(odd.map((content) => `alice ${content}`));
  });

  it("that comes again is a duplicate, on every node and session, and is handled once", async () => {
    const contents = await handled("chat");
    const alice = await cluster.pairedFollower("alice");
    const first = await cluster.logIn(node, alice, ACKS);
    expect(await answerTo(first, "m-1")).toEqual({ id: "m-1", status: "accepted" });
    expect(await answerTo(first, "m-1")).toEqual({ id: "m-1", status: "duplicate" });
    await waitFor("it to be handled", () => contents.length === 1);
    const second = await cluster.logIn(await cluster.startNode(), alice, ACKS);
    expect(await answerTo(second, "m-1")).toEqual({ id: "m-1", status: "duplicate" });
    expect(await answerTo(second, "m-2")).toEqual({ id: "m-2", status: "accepted" });
    await waitFor("the next one to be handled", () => contents.length === 2);
  });

  it("that was used for another content is an id_conflict; another rule and another follower have ids of their own", async () => {
    const contents = [await handled("chat"), await handled("other")];
    const alice = await cluster.logIn(node, await cluster.pairedFollower("alice"), ACKS);
    const bob = await cluster.logIn(node, await cluster.pairedFollower("bob"), ACKS);
    expect(await answerTo(alice, "m-1", "one")).toEqual({ id: "m-1", status: "accepted" });
    expect(await answerTo(alice, "m-1", "two")).toEqual({ id: "m-1", status: "rejected", reason: "id_conflict" });
    expect(await answerTo(alice, "m-1", "two", "other")).toEqual({ id: "m-1", status: "accepted" });
    expect(await answerTo(bob, "m-1", "two")).toEqual({ id: "m-1", status: "accepted" });
    await waitFor("all to be handled", () => contents.flat().length === 3);
    expect(contents).toEqual([["alice one", "bob two"], ["alice two"]]);
  });

  it("for a rule that nobody holds is rejected as unknown_rule, and accepted under the same id when somebody does", async () => {
    const follower = await cluster.logIn(node, await cluster.pairedFollower("alice"), ACKS);
    expect(await answerTo(follower, "m-1")).toEqual({ id: "m-1", status: "rejected", reason: "unknown_rule" });
    const contents = await handled("chat");
    expect(await answerTo(follower, "m-1")).toEqual({ id: "m-1", status: "accepted" });
    await waitFor("it to be handled", () => contents.length === 1);
  });

  it("that the rule's backlog has no room for is rejected as overloaded, and accepted when there is some", async () => {
    const small = await cluster.startNode({ YONEXUS_RULE_BACKLOG: "2" });
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const contents: string[] = [];
    await cluster.holdRule({
      rule: "slow",
      handler: async ({ content }) => {
        await gate;
        contents.push(content);
      },
    });
    const follower = await cluster.logIn(small, await cluster.pairedFollower("alice"), ACKS);
    for (const id of ["m-1", "m-2"]) {
      expect(await answerTo(follower, id, id, "slow")).toEqual({ id, status: "accepted" });
    }
    expect(await answerTo(follower, "m-3", "m-3", "slow")).toEqual({
      id: "m-3",
      status: "rejected",
      reason: "overloaded",
    });
    release();
    await waitFor("room", () => contents.length === 2);
    await waitFor("the message to be accepted", async () => {
      const answer = await answerTo(follower, "m-3", "m-3", "slow");
      return JSON.stringify(answer).includes("accepted");
    });
    await waitFor("it to be handled", () => contents.length === 3);
    expect(contents).toEqual(["m-1", "m-2", "m-3"]);
  });

  it("is answered in its order, many at once, beside plain frames that are not answered", async () => {
    const contents = await handled("chat");
    const follower = await cluster.logIn(node, await cluster.pairedFollower("alice"), ACKS);
    for (let count = 0; count < 64; count++) {
      follower.message(`m-${count}`, "chat", `acked ${count}`);
      follower.send(`chat::plain ${count}`);
    }
    await waitFor("all to be handled", () => contents.length === 128);
    await waitFor("all answers", () => follower.types.filter((type) => type === "message_ack").length === 64);
    const ids = follower.messages.flatMap((message) => (message?.type === "message_ack" ? [message.payload.id] : []));
    expect(ids).toEqual(Array.from({ length: 64 }, (_, count) => `m-${count}`));
    expect(contents.filter((content) => content.includes("plain"))).toHaveLength(64);
  });

  it("that waits when its session is taken over is rejected as session_ended, or was answered: none is left without", async () => {
    await handled("chat");
    const alice = await cluster.pairedFollower("alice");
    const old = await cluster.logIn(node, alice, ACKS);
    const next = await cluster.connect(node, ACKS);
    next.hello(alice);
    await next.next("hello_ack");
    await redis.pause();
    next.sendBuiltin("auth_request", alice.prove());
    for (let count = 0; count < 30; count++) old.message(`m-${count}`, "chat", "hello");
    // All but the first wait in the node until the order to close is there as well: it has read them and asked for the claim
    // when Redis goes on. Nothing shows when the proof has been verified, which takes less than a millisecond.
    await Promise.all([next.isRead(), old.isRead()]);
    await pause(300);
    await redis.resume();
    await next.next("auth_success");
    expect(await old.closed()).toEqual({ code: 4509, reason: "session_replaced" });
    const answers = old.messages.flatMap((message) => (message?.type === "message_ack" ? [message.payload] : []));
    expect(answers.map(({ id }) => id)).toEqual(Array.from({ length: 30 }, (_, count) => `m-${count}`));
    // Those that Redis was asked about after the claim were not stored either.
    const outcomes = new Set(answers.map(({ status, reason }) => reason ?? status));
    for (const outcome of outcomes) expect(["accepted", "overloaded", "session_ended"]).toContain(outcome);
    expect(answers.at(-1)).toEqual({ id: "m-29", status: "rejected", reason: "session_ended" });
    expect(old.types).not.toContain("error");
    expect(await answerTo(next, "m-29")).toEqual({ id: "m-29", status: "accepted" });
  });
});

describe("a follower that did not ask for acks", () => {
  it("is granted none, and is never sent a frame that version 1 has not", async () => {
    await handled("chat");
    const alice = await cluster.pairedFollower("alice");
    for (const capabilities of [undefined, [], ["of a later version"]]) {
      const follower = await cluster.connect(node, capabilities === undefined ? {} : { capabilities });
      await follower.authenticate(alice);
      follower.message("m-1", "chat", "hello");
      expect((await follower.next("error")).payload.code).toBe("MALFORMED_MESSAGE");
      follower.ack("m-1");
      expect((await follower.next("error")).payload.code).toBe("MALFORMED_MESSAGE");
      follower.send("chat::hello");
      follower.heartbeat(alice);
      await follower.next("heartbeat_ack");
      expect(follower.types).toEqual(["hello_ack", "auth_success", "error", "error", "heartbeat_ack"]);
      expect(JSON.stringify(follower.messages[0]).includes("capabilities")).toBe(capabilities?.length === 1);
      await follower.close();
    }
  });

  it("is granted what it asked for and the node knows, for this connection alone", async () => {
    const alice = await cluster.pairedFollower("alice");
    const asking = await cluster.connect(node, { capabilities: ["of a later version", "ack"] });
    asking.hello(alice);
    expect((await asking.next("hello_ack")).payload.capabilities).toEqual(["ack"]);
    const plain = await cluster.connect(node);
    plain.hello(alice);
    expect((await plain.next("hello_ack")).payload).not.toHaveProperty("capabilities");
  });

  it("and has not authenticated may send neither a message nor an ack", async () => {
    const alice = await cluster.pairedFollower("alice");
    const follower = await cluster.connect(node, ACKS);
    follower.message("m-1", "chat", "hello");
    expect((await follower.next("error")).payload.code).toBe("AUTH_FAILED");
    follower.hello(alice);
    await follower.next("hello_ack");
    follower.ack("m-1", {}, "r1");
    expect(await follower.next("error")).toMatchObject({ requestId: "r1", payload: { code: "AUTH_FAILED" } });
  });
});
