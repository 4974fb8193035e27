import { openRedis, type RedisConnection, whenReady } from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Cli } from "../support/cliProcess.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { TestCluster } from "../support/testCluster.ts";

interface Report {
  readonly healthy: boolean;
  readonly findings: readonly { readonly check: string; readonly status: string; readonly mend?: string }[];
}

const cli = new Cli();
let server: RedisServer;

beforeAll(async () => {
  server = await startRedis();
});
afterAll(async () => {
  cli.remove();
  await server.stop();
});

/** What doctor finds under a check. */
async function finding(check: string, env: NodeJS.ProcessEnv) {
  const { stdout } = await cli.run(["doctor", "--json"], { env });
  return (JSON.parse(stdout) as Report).findings.filter((each) => each.check === check);
}

const asKey = (fill: number) => Buffer.alloc(32, fill).toString("base64");

describe("yonexus doctor, of the master keys", () => {
  let cluster: TestCluster;
  beforeEach(async () => {
    cluster = await TestCluster.open(server.url);
  });
  afterEach(() => cluster.stop());

  it("finds the one of this process right when the live processes have it, and no secret is printed", async () => {
    await cluster.startNode();
    await cluster.startCoordinator();
    const { stdout, exitCode } = await cli.run(["doctor", "--json"], { env: cluster.env });
    const report = JSON.parse(stdout) as Report;
    expect(exitCode).toBe(0);
    expect(report.findings).toContainEqual({
      check: "master key",
      status: "ok",
      found: expect.stringMatching(/^[0-9a-f]{8} seals for all of 2, this process has it$/u),
    });
    expect(stdout).not.toContain(String(cluster.env.YONEXUS_MASTER_KEY));
  });

  it("finds the one of another deployment, and names the settings to mend", async () => {
    const node = await cluster.startNode();
    const env = { ...cluster.env, YONEXUS_MASTER_KEY: asKey(9) };
    expect(await finding("master key", env)).toMatchObject([
      {
        status: "broken",
        found: expect.stringContaining(`node ${node.nodeId}`),
        mend: expect.stringMatching(/YONEXUS_MASTER_KEY .*REDIS_URL and YONEXUS_KEY_PREFIX/u),
      },
    ]);
  });

  it("finds two nodes that cannot open what the other one seals, also with no key of its own", async () => {
    const nodes = [await cluster.startNode(), await cluster.startNode({ YONEXUS_MASTER_KEY: asKey(9) })];
    const { YONEXUS_MASTER_KEY: _, ...env } = cluster.env;
    const [found] = await finding("master key", env);
    expect(found).toMatchObject({ status: "broken", mend: expect.stringContaining("every node and coordinator") });
    for (const { nodeId } of nodes) expect(JSON.stringify(found)).toContain(nodeId);
  });
});

describe("yonexus doctor, of keys that are not of this version", () => {
  let redis: RedisConnection;
  beforeAll(async () => {
    redis = openRedis(server.url, "commands");
    redis.on("error", () => {});
    await whenReady(redis);
  });
  afterAll(() => redis.disconnect());

  it.each([
    ["another version", (key: string) => redis.set(key, "99"), /schema version 99, and this is version 1/u],
    ["a list", (key: string) => redis.rpush(key, "1"), /belongs to something else/u],
    ["another text", (key: string) => redis.set(key, "\u001b[31m"), /belongs to something else/u],
  ])("finds %s with the setting to mend, and writes nothing there", async (kind, write, found) => {
    const prefix = `doctor-${kind.replaceAll(" ", "-")}`;
    const key = `${prefix}:schema`;
    await write(key);
    const before = await redis.dump(key);
    expect(await finding("schema", { REDIS_URL: server.url, YONEXUS_KEY_PREFIX: prefix })).toMatchObject([
      {
        status: "broken",
        found: expect.stringMatching(found),
        mend: expect.stringMatching(/^(?:Run|Set) .*YONEXUS_KEY_PREFIX to a .*\.$/u),
      },
    ]);
    expect(await redis.dump(key)).toBe(before);
    expect(await redis.keys(`${prefix}:*`)).toEqual([key]);
  });
});
