import { execFileSync } from "node:child_process";
import { Keys, openRedis, type RedisConnection, TrustStore, whenReady } from "@yonexus/protocol/redis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Cli } from "../support/cliProcess.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { waitFor } from "../support/waitFor.ts";

const cli = new Cli();
let server: RedisServer;
let redis: RedisConnection;
let trust: TrustStore;
beforeAll(async () => {
  server = await startRedis({ persistent: false });
  redis = openRedis(server.url, "commands");
  redis.on("error", () => {});
  await whenReady(redis);
  trust = new TrustStore(redis, new Keys("yonexus"));
});
afterAll(async () => {
  redis.disconnect();
  cli.remove();
  await server.stop();
});

const isAllowed = async (identifier: string) => (await trust.lookup(identifier, undefined)).allowed;

/** What the operator sees of a whole start, and who is let in at the moment when the cluster says that it is ready. */
async function start(args: readonly string[], configured?: string) {
  const env = {
    REDIS_URL: server.url,
    YONEXUS_DRAIN_WINDOW_MS: "0",
    ...(configured === undefined ? {} : { YONEXUS_FOLLOWER_IDENTIFIERS: configured }),
  };
  const up = cli.start(["up", "--nodes", "1", "--port", "0", ...args], { env });
  await up.says("Ctrl-C ends the cluster");
  const allowed: string[] = [];
  for (const identifier of ["alpha", "beta", "omega"]) if (await isAllowed(identifier)) allowed.push(identifier);
  up.signal("SIGINT");
  return { text: (await up.ended).stdout, allowed };
}

it("`up --follower` lets followers in and throws nobody out, and a follower revoked meanwhile comes back only when it is named", async () => {
  const first = await start(["--follower", "alpha"]);
  expect(first.allowed).toEqual(["alpha"]);
  expect(first.text).toContain("--identifier alpha");
  expect(first.text).not.toContain("allow add");

  const second = await start(["--follower", "omega"], "beta");
  expect(second.allowed).toEqual(["alpha", "beta", "omega"]);
  expect(second.text).toContain("--identifier omega");

  for (const identifier of ["alpha", "beta"]) await trust.clear(identifier, "revoke", { disallow: true });
  expect((await start([], "beta")).allowed).toEqual(["omega"]);
  expect((await start(["--follower", "alpha", "--follower", "beta"], "beta")).allowed).toEqual([
    "alpha",
    "beta",
    "omega",
  ]);
}, 180_000);

interface Event {
  readonly event: string;
  readonly process?: string;
  readonly url?: string;
  readonly nodes?: readonly string[];
  readonly pid?: number;
}

/** The process of a node that `up` runs. Not a name but a parent finds it: other clusters may run here too. */
function nodeProcess(parent: number | undefined): number {
  const lines = execFileSync("ps", ["-A", "-o", "pid=,ppid=,args="], { encoding: "utf8" }).split("\n");
  const found = lines
    .map((line) => line.trim().split(/\s+/u))
    .find(([, ppid, ...args]) => Number(ppid) === parent && args.includes("node") && args.at(-1) === "--json");
  return Number(found?.[0]);
}

it("a node that chose its port is on the same one after it was killed, and `up` says where", async () => {
  const env = { REDIS_URL: server.url, YONEXUS_DRAIN_WINDOW_MS: "0" };
  const up = cli.start(["up", "--nodes", "1", "--port", "0", "--json"], { env });
  const said = (name: string) =>
    up.stdout
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Event)
      .find(({ event }) => event === name);
  await waitFor("the cluster to be ready", () => said("ready") !== undefined, 60_000);
  process.kill(nodeProcess(said("ready")?.pid), "SIGKILL");
  await waitFor("the node to run again", () => said("restarted") !== undefined, 60_000);
  expect(said("restarted")).toEqual({ event: "restarted", process: "node-1", url: said("ready")?.nodes?.[0] });
  up.signal("SIGINT");
  expect(await up.ended).toMatchObject({ exitCode: 0 });
}, 180_000);
