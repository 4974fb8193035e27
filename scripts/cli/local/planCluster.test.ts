import { loadConfig } from "@yonexus/protocol/config";
import type { DataDir } from "@yonexus/protocol/local";
import { describe, expect, it } from "vitest";
import { planCluster } from "./planCluster.ts";

const dir: DataDir = {
  path: "/data",
  shown: "data",
  elsewhere: "name another folder with --data-dir",
  redisDir: "/data/redis",
  logPath: (name) => `/data/logs/${name}.log`,
};
const masterKey = Buffer.alloc(32, 7).toString("base64");

/** @param read what the configuration is read from, where that is not the environment of the processes. */
function plan(env: NodeJS.ProcessEnv = {}, adminPorts: readonly number[] = [], read = env) {
  const config = loadConfig({ env: read });
  const wishes = { config, dir, ports: [9001, 9002], adminPorts, masterKey, env };
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

  it("get an admin port each, the coordinator the first, whatever the environment says to all", () => {
    const { coordinator, nodes } = plan({ YONEXUS_ADMIN_PORT: "9090" }, [9090, 9091, 9092]);
    const ports = [coordinator, ...nodes].map(({ env }) => env.YONEXUS_ADMIN_PORT);
    expect(ports).toEqual(["9090", "9091", "9092"]);
    expect(plan().coordinator.env).not.toHaveProperty("YONEXUS_ADMIN_PORT");
  });

  it("get no secret by their arguments", () => {
    const { coordinator, nodes } = plan();
    for (const { args, env } of [coordinator, ...nodes]) {
      expect(args.join(" ")).not.toMatch(new RegExp(`hidden|${masterKey}`, "u"));
      expect(env).toMatchObject({ REDIS_URL: "redis://:hidden@db:6379", YONEXUS_MASTER_KEY: masterKey });
    }
  });

  it("are told the Redis by its URL alone, also where the environment names a file that holds one", () => {
    const { coordinator } = plan({ REDIS_URL_FILE: "/dev/null", YONEXUS_MASTER_KEY_FILE: "/run/key" }, [], {});
    expect(coordinator.env).toMatchObject({
      REDIS_URL: "redis://:hidden@db:6379",
      YONEXUS_MASTER_KEY_FILE: "/run/key",
    });
    expect(coordinator.env).not.toHaveProperty("REDIS_URL_FILE");
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
