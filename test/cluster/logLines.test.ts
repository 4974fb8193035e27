import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { TestCluster } from "../support/testCluster.ts";
import { waitFor } from "../support/waitFor.ts";

let redis: RedisServer;
let cluster: TestCluster;
beforeAll(async () => {
  redis = await startRedis({ persistent: false });
});
afterAll(() => redis.stop());
beforeEach(async () => {
  cluster = await TestCluster.open(redis.url);
});
afterEach(() => cluster.stop());

type Line = Readonly<Record<string, unknown>>;

/** The lines of an event, as they stand in the log. */
function linesOf(log: readonly string[], event: string): Line[] {
  const lines = log
    .join("")
    .split("\n")
    .filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as Line).filter((line) => line.event === event);
}

async function waitForLine(log: readonly string[], event: string): Promise<Line> {
  return waitFor(`a line ${event}`, () => linesOf(log, event)[0]);
}

describe("the log", () => {
  it("follows a session by its connectionId, from its socket to its record in Redis and to its end", async () => {
    const node = await cluster.startNode();
    const alice = await cluster.pairedFollower("alice");
    const follower = await cluster.logIn(node, alice);
    const opened = await waitForLine(node.log, "session_opened");
    const record = await cluster.stores.redis.hgetall(cluster.stores.keys.follower("alice").session);
    expect(opened).toMatchObject({
      identifier: "alice",
      connectionId: record.connectionId,
      epoch: Number(record.epoch),
    });
    follower.terminate();
    expect(await waitForLine(node.log, "session_ended")).toMatchObject({
      identifier: "alice",
      connectionId: opened.connectionId,
      epoch: opened.epoch,
      reason: "disconnected",
    });
  });

  it("follows a message by its messageId, from its socket to its handler", async () => {
    const node = await cluster.startNode();
    const handled: (string | undefined)[] = [];
    await cluster.holdRule({ rule: "ping", handler: ({ messageId }) => void handled.push(messageId) });
    const follower = await cluster.logIn(node, await cluster.pairedFollower("alice"), { capabilities: ["ack"] });
    const payload = { id: "m-17", rule: "ping", content: "what nobody logs" };
    follower.sendBuiltin("message", payload);
    expect(await waitForLine(node.log, "message_received")).toMatchObject({
      identifier: "alice",
      connectionId: linesOf(node.log, "session_opened")[0]?.connectionId,
      messageId: "m-17",
      rule: "ping",
      outcome: "appended",
    });
    await waitFor("the handler", () => handled.includes("m-17"));
    expect(node.log.join("")).not.toContain("what nobody logs");
  });

  it("follows a message without an id of the follower's own by the id that its handler knows it by", async () => {
    const node = await cluster.startNode();
    const handled: string[] = [];
    await cluster.holdRule({ rule: "ping", handler: ({ id }) => void handled.push(id) });
    const follower = await cluster.logIn(node, await cluster.pairedFollower("alice"));
    follower.send("ping::hello");
    const received = await waitForLine(node.log, "message_received");
    await waitFor("the handler", () => handled.length === 1);
    expect(received).toMatchObject({ identifier: "alice", outcome: "appended", inboxId: handled[0] });
  });

  it("follows a pairing by its pairingId, from its socket to the notice and to the code", async () => {
    const node = await cluster.startNode();
    const bob = await cluster.newFollower("bob");
    const follower = await cluster.connect(node);
    follower.hello(bob);
    const { code, pairingId } = await cluster.pairingCode(bob);
    // Only now: once a coordinator has told the code, it cannot be read any more.
    const coordinator = await cluster.startCoordinator();
    const opened = await waitForLine(node.log, "pairing_opened");
    expect(opened).toMatchObject({ identifier: "bob", pairingId, outcome: "opened" });
    expect(await waitForLine(coordinator.log, "notice_sent")).toMatchObject({
      kind: "pairing",
      identifier: "bob",
      pairingId,
    });
    await follower.next("pair_request");
    await follower.pair(bob, code);
    const { connectionId } = opened;
    expect(await waitForLine(node.log, "pairing_done")).toMatchObject({ identifier: "bob", connectionId, by: "code" });
  });

  it("says why a handshake was refused where somebody looks for it, and nothing of it else", async () => {
    const talkative = await cluster.startNode({ YONEXUS_LOG_LEVEL: "debug" });
    const quiet = await cluster.startNode({ YONEXUS_LOG_LEVEL: "info" });
    const alice = await cluster.pairedFollower("alice");
    for (const node of [talkative, quiet]) {
      const follower = await cluster.connect(node);
      follower.hello(alice);
      await follower.next("hello_ack");
      follower.sendBuiltin("auth_request", alice.prove({ signature: Buffer.alloc(64, 1).toString("base64") }));
      await follower.closed();
    }
    expect(await waitForLine(talkative.log, "handshake_refused")).toMatchObject({
      identifier: "alice",
      result: "invalid_signature",
    });
    expect(linesOf(quiet.log, "handshake_refused")).toEqual([]);
  });
});
