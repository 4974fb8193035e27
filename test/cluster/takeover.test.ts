import { QUEUE_NAMES } from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { FollowerIdentity, RawFollower } from "../support/rawFollower.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { auditEvents } from "../support/stores.ts";
import { TestCluster, type TestCoordinator } from "../support/testCluster.ts";
import type { TestNode } from "../support/testNode.ts";
import { waitFor } from "../support/waitFor.ts";

let redis: RedisServer;
let cluster: TestCluster;
let coordinator: TestCoordinator;
let nodes: TestNode[];
beforeAll(async () => {
  redis = await startRedis({ persistent: false });
});
afterAll(() => redis.stop());
beforeEach(async () => {
  cluster = await TestCluster.open(redis.url, { YONEXUS_TRUSTED_PROXIES: "127.0.0.1" });
  nodes = [await cluster.startNode(), await cluster.startNode()];
  coordinator = await cluster.startCoordinator();
});
afterEach(() => cluster.stop());

let logins = 0;
/** Each one on the other node than the one before it. */
const nextNode = (): TestNode => {
  const node = nodes[logins++ % nodes.length];
  if (node === undefined) throw new Error("There are no nodes.");
  return node;
};
const from = (address: string) => ({ headers: { "x-forwarded-for": address } });
const logIn = (identity: FollowerIdentity, address: string): Promise<RawFollower> =>
  cluster.logIn(nextNode(), identity, from(address));

/** Says hello and sends a right proof, and does not expect to be let in. */
async function tryToLogIn(identity: FollowerIdentity, address: string): Promise<RawFollower> {
  const follower = await cluster.connect(nextNode(), from(address));
  follower.hello(identity);
  await follower.next("hello_ack");
  follower.sendBuiltin("auth_request", identity.prove());
  return follower;
}

const notices = () =>
  coordinator.printed
    .join("")
    .split("\n")
    .filter((line) => line.includes("takeover_conflict"))
    .map((line): unknown => JSON.parse(line));

/** As when its job is pushed out by later ones. */
async function forgetNotice(identifier: string): Promise<void> {
  const { redis, keys } = cluster.stores;
  const job = await waitFor("the admin to be told", async () => {
    const [key] = await redis.keys(`${keys.queuePrefix}:${QUEUE_NAMES.notices}:takeover-${identifier}-*`);
    return key !== undefined && (await redis.hexists(key, "finishedOn")) === 1 ? key : undefined;
  });
  await redis.del(job);
}

describe("copies of one follower at several addresses that keep coming back", () => {
  it("take the session from each other twice; the third newcomer is closed with 4511, and the owner keeps it", async () => {
    const alice = await cluster.pairedFollower("alice");
    const first = await logIn(alice, "198.51.100.1");
    const second = await logIn(alice, "198.51.100.2");
    const owner = await logIn(alice, "198.51.100.1");
    for (const replaced of [first, second]) expect((await replaced.closed()).code).toBe(4509);

    for (const address of ["198.51.100.2", "198.51.100.3"]) {
      const newcomer = await tryToLogIn(alice, address);
      expect((await newcomer.next("disconnect_notice")).payload).toEqual({
        identifier: "alice",
        reason: "takeover_conflict",
      });
      expect(await newcomer.closed()).toEqual({ code: 4511, reason: "takeover_conflict" });
      expect(newcomer.types).not.toContain("auth_success");
    }

    owner.heartbeat(alice);
    expect((await owner.next("heartbeat_ack")).payload.status).toBe("online");
    const sender = await cluster.sender();
    expect((await sender.sendMessageToClient("alice", "chat::hello")).result).toBe("delivered");
    expect(await owner.nextApplication()).toBe("chat::hello");
  });

  it("are told to the admin once, with both addresses, also when the job is gone, and stand in the audit once", async () => {
    const alice = await cluster.pairedFollower("alice");
    for (const address of ["198.51.100.1", "198.51.100.2", "198.51.100.1"]) await logIn(alice, address);
    expect((await (await tryToLogIn(alice, "198.51.100.2")).closed()).code).toBe(4511);
    await forgetNotice("alice");
    for (const address of ["198.51.100.3", "198.51.100.2"]) {
      expect((await (await tryToLogIn(alice, address)).closed()).code).toBe(4511);
    }
    // Another identifier's notice goes out after all of the first one's.
    const bob = await cluster.pairedFollower("bob");
    for (const address of ["203.0.113.1", "203.0.113.2", "203.0.113.1"]) await logIn(bob, address);
    await (await tryToLogIn(bob, "203.0.113.2")).closed();
    await waitFor("the admin to be told of the other", () => notices().length > 1);
    expect(notices()).toEqual([
      { event: "takeover_conflict", identifier: "alice", address: "198.51.100.2", owner: "198.51.100.1" },
      { event: "takeover_conflict", identifier: "bob", address: "203.0.113.2", owner: "203.0.113.1" },
    ]);
    const events = await auditEvents(cluster.stores, "alice");
    expect(events.filter((event) => event === "takeover_conflict")).toHaveLength(1);
  });
});

describe("a follower that roams between two addresses", () => {
  it("is never stopped when it closes each connection before it opens the next one", async () => {
    const alice = await cluster.pairedFollower("alice");
    for (let change = 0; change < 8; change++) {
      const follower = await logIn(alice, `198.51.100.${1 + (change % 2)}`);
      await follower.close();
      // Its node has seen the close by then: the next connection takes nothing from anybody.
      await waitFor("its session to end", async () => (await cluster.status("alice")) === "offline");
    }
  });
});

describe("a follower that comes back from its own address", () => {
  it("takes its session as often as it likes, also while a stranger is refused", async () => {
    const alice = await cluster.pairedFollower("alice");
    for (const address of ["198.51.100.1", "198.51.100.2", "198.51.100.1"]) await logIn(alice, address);
    expect((await (await tryToLogIn(alice, "198.51.100.2")).closed()).code).toBe(4511);
    for (let count = 0; count < 4; count++) await logIn(alice, "198.51.100.1");
    expect(await cluster.status("alice")).toBe("online");
  });
});
