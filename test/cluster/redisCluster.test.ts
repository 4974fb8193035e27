import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RedisCluster, startRedisCluster } from "../support/redisCluster.ts";
import { TestCluster } from "../support/testCluster.ts";
import { waitFor } from "../support/waitFor.ts";

let redis: RedisCluster;
let cluster: TestCluster;
beforeAll(async () => {
  redis = await startRedisCluster();
  cluster = await TestCluster.open(redis.url);
});
afterAll(async () => {
  await cluster.stop();
  await redis.stop();
});

describe("on a Redis Cluster", () => {
  it("followers are paired, replaced, heard and sent to through two nodes", async () => {
    const [first, second] = [await cluster.startNode(), await cluster.startNode()];
    const coordinator = await cluster.startCoordinator();
    const handled: string[] = [];
    await cluster.holdRule({
      rule: "chat",
      handler: ({ identifier, content }) => void handled.push(`${identifier} ${content}`),
    });
    const sender = await cluster.sender();
    // Several, so that every slot range has some of their keys.
    for (const identifier of ["alpha", "beta", "gamma", "delta"]) {
      const identity = await cluster.newFollower(identifier);
      const pairing = await cluster.connect(first);
      pairing.hello(identity);
      const notice = await waitFor("the notice", () => coordinator.printed.find((line) => line.includes(identifier)));
      await pairing.next("pair_request");
      await pairing.pair(identity, (JSON.parse(notice) as { code: string }).code);
      pairing.sendBuiltin("auth_request", identity.prove());
      await pairing.next("auth_success");

      const follower = await cluster.logIn(second, identity);
      expect(await pairing.closed()).toEqual({ code: 4509, reason: "session_replaced" });
      follower.heartbeat(identity);
      expect((await follower.next("heartbeat_ack")).payload.status).toBe("online");
      follower.send("chat::hello");
      await waitFor("the message", () => handled.includes(`${identifier} hello`));
      expect(await sender.sendMessageToClient(identifier, "chat::hello too")).toMatchObject({
        result: "delivered",
        node: second.nodeId,
      });
      expect(await follower.nextApplication()).toBe("chat::hello too");
      await cluster.stores.trust.clear(identifier, "a test", { disallow: false });
      expect((await follower.closed()).code).toBe(4510);
    }
  });

  it("a killed node's followers are offline for senders as soon as its lease has lapsed", async () => {
    const node = await cluster.startNodeProcess({ YONEXUS_LEASE_MS: "900" });
    await cluster.logIn(node, await cluster.pairedFollower("alice"));
    node.signal("SIGKILL");
    await node.exited;
    const sender = await cluster.sender();
    // Who counts the receivers is one server of many: only the missing receipt and the lease tell.
    expect(await sender.sendMessageToClient("alice", "chat::x", { timeoutMs: 1_500 })).toMatchObject({
      result: "offline",
      reason: "node_lost",
    });
  });
});
