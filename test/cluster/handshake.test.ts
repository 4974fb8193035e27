import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { TestCluster } from "../support/testCluster.ts";
import type { TestNode } from "../support/testNode.ts";

let redis: RedisServer;
let cluster: TestCluster;
let node: TestNode;
beforeAll(async () => {
  redis = await startRedis({ persistent: false });
});
afterAll(() => redis.stop());
beforeEach(async () => {
  cluster = await TestCluster.open(redis.url);
  node = await cluster.startNode();
});
afterEach(() => cluster.stop());

describe("the first pairing", () => {
  it("goes hello, pair_request, the code by way of a person, pair_success, auth_success", async () => {
    const alice = await cluster.newFollower("alice");
    const follower = await cluster.connect(node);
    follower.hello(alice);
    const code = await cluster.resolveNotice(alice);
    await follower.next("pair_request");
    await follower.pair(alice, code);
    follower.sendBuiltin("auth_request", alice.prove());
    await follower.next("auth_success");
    expect(follower.types).toEqual(["hello_ack", "pair_request", "pair_success", "auth_success"]);
  });
});
