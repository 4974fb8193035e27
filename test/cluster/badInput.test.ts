import { readFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { FollowerIdentity, RawFollower } from "../support/rawFollower.ts";
import { followerContents } from "../support/redisContents.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { TestCluster } from "../support/testCluster.ts";
import type { TestNode } from "../support/testNode.ts";

let redis: RedisServer;
let cluster: TestCluster;
let node: TestNode;
let alice: FollowerIdentity;
let bob: FollowerIdentity;
beforeAll(async () => {
  redis = await startRedis({ persistent: false });
});
afterAll(() => redis.stop());
beforeEach(async () => {
  cluster = await TestCluster.open(redis.url, { YONEXUS_MAX_UNAUTHENTICATED_PER_ADDRESS: "1000" });
  node = await cluster.startNode();
  alice = await cluster.pairedFollower("alice");
  bob = await cluster.newFollower("bob");
});
afterEach(() => cluster.stop());

/** Stands in what is sent, and must not stand in any answer. */
const MARK = "zzMARKzz";
const builtin = (type: unknown, payload: unknown, more: object = {}) =>
  `builtin::${JSON.stringify({ type, requestId: "q", payload, ...more })}`;
const HELLO = { identifier: "alice", hasSecret: true, hasKeyPair: true, protocolVersion: "1" };
const PROOF = { identifier: "alice", nonce: "A".repeat(24), proofTimestamp: 1, signature: MARK };

/** Wrong at any point of a connection. */
const ALWAYS: readonly (readonly [string, string | Buffer])[] = [
  ["no separator", MARK],
  ["a rule with a control character", `a\n${MARK}::x`],
  ["no JSON", `builtin::{"type":"${MARK}"`],
  ["an unknown type", builtin(MARK, {})],
  ["a type of the node's", builtin("auth_success", { identifier: "alice", authenticatedAt: 1, status: "online" })],
  ["a missing field", builtin("pair_confirm", { identifier: "alice" })],
  ["a field of another type", builtin("heartbeat", { identifier: "alice", status: { mark: MARK } })],
  ["a word that is not in the list", builtin("heartbeat", { identifier: "alice", status: MARK })],
  ["a field that is too long", builtin("pair_confirm", { identifier: "alice", pairingCode: MARK.repeat(9) })],
  ["an identifier that is none", builtin("heartbeat", { identifier: `${MARK} ::`, status: "alive" })],
  ["null for a field", builtin("auth_request", { ...PROOF, nonce: null })],
  ["a nonce of another form", builtin("auth_request", { ...PROOF, nonce: MARK })],
  ["a binary frame", Buffer.from(builtin("heartbeat", { identifier: "alice", status: "alive" }))],
];

const anotherIdentifier: readonly (readonly [string, string])[] = [
  ["a heartbeat for another identifier", builtin("heartbeat", { identifier: MARK, status: "alive" })],
  ["a pair_confirm for another identifier", builtin("pair_confirm", { identifier: MARK, pairingCode: MARK })],
  ["a second hello", builtin("hello", { ...HELLO, identifier: MARK })],
];

const STAGES = {
  "before the hello": {
    reach: async () => cluster.connect(node),
    frames: [
      ...ALWAYS,
      ["a heartbeat", builtin("heartbeat", { identifier: "alice", status: "alive" }), "AUTH_FAILED"],
      ["a message", `chat::${MARK}`, "AUTH_FAILED"],
      ["a proof", builtin("auth_request", PROOF)],
      ["a code", builtin("pair_confirm", { identifier: "alice", pairingCode: MARK })],
    ],
  },
  "while it waits for a code": {
    reach: async () => {
      const follower = await cluster.connect(node);
      follower.hello(bob);
      const { nextAction } = (await follower.next("hello_ack")).payload;
      if (nextAction === "pair_required") await cluster.resolveNotice(bob);
      await follower.next("pair_request");
      return follower;
    },
    frames: [
      ...ALWAYS,
      ...anotherIdentifier,
      ["a heartbeat", builtin("heartbeat", { identifier: "bob", status: "alive" }), "PAIRING_REQUIRED"],
      ["a message", `chat::${MARK}`, "PAIRING_REQUIRED"],
    ],
  },
  "before its proof": {
    reach: async () => {
      const follower = await cluster.connect(node);
      follower.hello(alice);
      await follower.next("hello_ack");
      return follower;
    },
    frames: [
      ...ALWAYS,
      ...anotherIdentifier,
      ["a heartbeat", builtin("heartbeat", { identifier: "alice", status: "alive" }), "AUTH_FAILED"],
      ["a message", `chat::${MARK}`, "AUTH_FAILED"],
      ["a code", builtin("pair_confirm", { identifier: "alice", pairingCode: MARK })],
    ],
  },
  "in a session": {
    reach: async () => cluster.logIn(node, alice),
    frames: [
      ...ALWAYS,
      ...anotherIdentifier,
      ["a hello of its own", builtin("hello", HELLO)],
      ["a proof", builtin("auth_request", PROOF)],
      ["a code", builtin("pair_confirm", { identifier: "alice", pairingCode: MARK })],
    ],
  },
} satisfies Record<
  string,
  { reach: () => Promise<RawFollower>; frames: readonly (readonly [string, string | Buffer, string?])[] }
>;

describe.each(Object.entries(STAGES))("%s", (_name, { reach, frames }) => {
  it("each bad frame is answered with an error, the third one closes with 4500, and nothing is changed", async () => {
    // Three at a time: so many a connection lives through.
    for (let from = 0; from < frames.length; from += 2) {
      const follower = await reach();
      const before = await followerContents(cluster.stores);
      const heard = follower.received.length;
      const three = [0, 1, 2].map((offset) => frames[(from + offset) % frames.length] ?? (["", ""] as const));
      for (const [name, frame, code = "MALFORMED_MESSAGE"] of three) {
        follower.send(frame);
        const answer = await follower.next("error");
        expect(answer.payload.code, name).toBe(code);
        expect(answer.payload.message, name).toMatch(/^[A-Z].{10,}\.$/u);
        if (typeof frame === "string" && frame.includes('"requestId":"q"')) expect(answer.requestId, name).toBe("q");
      }
      const after = await followerContents(cluster.stores);
      expect(await follower.closed()).toEqual({ code: 4500, reason: "protocol_violation" });
      const said = follower.received.slice(heard);
      expect(said.join("\n")).not.toContain(MARK);
      expect(said).toHaveLength(follower.types.slice(0, heard).includes("hello_ack") ? 4 : 3);
      // What the end of a session changes is not the frames' doing.
      if (!follower.types.includes("auth_success")) expect(after).toEqual(before);
    }
  });
});

describe("in a session", () => {
  it("two bad frames change nothing, and the session goes on", async () => {
    const follower = await cluster.logIn(node, alice);
    const before = await followerContents(cluster.stores);
    follower.send(builtin("heartbeat", { identifier: "bob", status: "alive" }));
    follower.send(Buffer.from("chat::hello"));
    await follower.next("error");
    await follower.next("error");
    expect(await followerContents(cluster.stores)).toEqual(before);
    follower.heartbeat(alice);
    await follower.next("heartbeat_ack");
  });

  it("every bad frame of the vectors is refused, each third one closes", async () => {
    const path = new URL("../../protocol/vectors/frames.bad.json", import.meta.url);
    const rows = JSON.parse(readFileSync(path, "utf8")) as {
      name: string;
      direction: string;
      frame: string;
      requestId?: string;
    }[];
    const bad = rows.filter(({ direction }) => direction === "follower");
    expect(bad.length).toBeGreaterThan(50);
    for (let from = 0; from + 3 <= bad.length; from += 3) {
      // A follower of its own: more than ten logins of one would be unsafe.
      const follower = await cluster.logIn(node, await cluster.pairedFollower(`follower-${from}`));
      const three = bad.slice(from, from + 3);
      for (const { frame } of three) follower.send(frame);
      for (const { name, requestId } of three) {
        const answer = await follower.next("error");
        expect([answer.payload.code, answer.requestId], name).toEqual(["MALFORMED_MESSAGE", requestId]);
      }
      expect((await follower.closed()).code).toBe(4500);
    }
  });
});

describe("the transport", () => {
  it("takes a frame of 64 KiB, and closes with 1009 at one byte more", async () => {
    const rule = await cluster.holdRule({ rule: "big", handler: () => {} });
    const follower = await cluster.logIn(node, alice);
    follower.send(`big::${"x".repeat(65_536 - 5)}`);
    follower.heartbeat(alice);
    await follower.next("heartbeat_ack");
    follower.send(`big::${"x".repeat(65_536 - 4)}`);
    expect((await follower.closed()).code).toBe(1009);
    await cluster.waitForStatus("alice", "offline");
    await rule.stop();
  });

  it("closes with 1007 at text that is no UTF-8", async () => {
    const follower = await cluster.logIn(node, alice);
    follower.sendTextBytes(Buffer.from([0x63, 0x3a, 0x3a, 0xc3, 0x28]));
    expect((await follower.closed()).code).toBe(1007);
    await cluster.waitForStatus("alice", "offline");
  });
});
