import { loadConfig } from "@yonexus/protocol/config";
import type { DataDir } from "@yonexus/protocol/local";
import { describe, expect, it } from "vitest";
import { planCluster } from "./planCluster.ts";

const dir: DataDir = {
  path: "/data",
  shown: "data",
  chosen: "with --data-dir",
  redisDir: "/data/redis",
  logPath: (name) => `/data/logs/${name}.log`,
};
const masterKey = Buffer.alloc(32, 7).toString("base64");

function plan(env: NodeJS.ProcessEnv = {}) {
  const config = loadConfig({ env });
  const wishes = { config, dir, ports: [9001, 9002], masterKey, env };
  return planCluster(wishes, { url: "redis://:hidden@db:6379" });
}

describe("the processes of a local cluster", () => {
  it("are one coordinator and a node for each port", () => {
    const { coordinator, nodes } = plan();
    expect(coordinator.args).toContain("coordinator");
    expect(nodes.map(({ name, env }) => [name, env.YONEXUS_NODE_NAME, env.YONEXUS_LISTEN_PORT])).toEqual([
      ["node-1", "node-1", "9001"],
      ["node-2", "node-2", "9002"],
    ]);
  });

  it("that are nodes are restarted on the port that they said they listen on", () => {
    const { coordinator, nodes } = plan();
    expect(nodes.map(({ keep }) => keep?.({ event: "ready", url: "ws://[::1]:80" }))).toEqual([
      { YONEXUS_LISTEN_PORT: "80" },
      { YONEXUS_LISTEN_PORT: "80" },
    ]);
    expect(coordinator.keep).toBeUndefined();
  });

  it("get no secret by their arguments", () => {
    const { coordinator, nodes } = plan();
    for (const { args, env } of [coordinator, ...nodes]) {
      expect(args.join(" ")).not.toMatch(new RegExp(`hidden|${masterKey}`, "u"));
      expect(env).toMatchObject({ REDIS_URL: "redis://:hidden@db:6379", YONEXUS_MASTER_KEY: masterKey });
    }
  });

  it("are told the followers of the environment as they stand there, and no others", () => {
    expect(plan({ YONEXUS_FOLLOWER_IDENTIFIERS: "alpha beta" }).coordinator.env).toMatchObject({
      YONEXUS_FOLLOWER_IDENTIFIERS: "alpha beta",
    });
    expect(plan().coordinator.env).not.toHaveProperty("YONEXUS_FOLLOWER_IDENTIFIERS");
  });

  it("are described without the password of Redis", () => {
    expect(plan().about.redisText).toBe("the Redis at db:6379");
  });
});
