import { redisNow } from "@yonexus/protocol/redis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type RedisCluster, startRedisCluster } from "../support/redisCluster.ts";
import { waitFor } from "../support/waitFor.ts";
import { CoordinatorFixture, OFFLINE_AFTER_MS } from "./coordinatorFixture.ts";

let redis: RedisCluster;
let cluster: CoordinatorFixture;

beforeAll(async () => {
  redis = await startRedisCluster();
  cluster = await CoordinatorFixture.open(redis.url);
});
afterAll(async () => {
  await cluster.close();
  await redis.stop();
});

it("On a Redis Cluster, two coordinators judge, clean up after a dead node and send notices, each once", async () => {
  await cluster.renewNode("node-a");
  await cluster.renewNode("node-dead", 1);
  await cluster.goOnline("silent", "node-a");
  await cluster.silence("silent", OFFLINE_AFTER_MS + 1_000);
  await cluster.goOnline("lost", "node-dead");
  await cluster.index.postpone("lost", (await redisNow(cluster.commands)) + 600_000);
  const pairing = await cluster.openPairing("asking");
  const code = await cluster.codeOf(pairing);
  const env = { YONEXUS_LEASE_MS: "1500" };
  const coordinators = await Promise.all([cluster.start(env), cluster.start(env)]);
  await cluster.addNotice(pairing.job);

  await waitFor("the edge", async () => (await cluster.edges("silent")).length > 0);
  await waitFor("the code", () => cluster.terminalText.includes(code));
  await waitFor("the dead node to be forgotten", async () => {
    return (await cluster.commands.zscore(cluster.keys.nodes, "node-dead")) === null;
  });
  expect(await cluster.edges("silent")).toEqual(["offline heartbeat_timeout"]);
  expect(await cluster.edges("lost")).toEqual(["offline node_lost"]);
  expect(cluster.terminalText.split(code)).toHaveLength(2);
  for (const coordinator of coordinators) await coordinator.stop();
  expect(await cluster.commands.zcard(cluster.keys.coordinators)).toBe(0);
});
