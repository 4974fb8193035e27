import { Keys, openRedis, type RedisConnection, TrustStore, whenReady } from "@yonexus/protocol/redis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Cli } from "../support/cliProcess.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";

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
});
