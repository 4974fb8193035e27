import { PassThrough } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import { startCoordinator } from "@yonexus/coordinator";
import { startNode } from "@yonexus/node";
import { SchemaMismatchError } from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { freePorts } from "../support/freePorts.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { MASTER_KEY, openStores, type Stores } from "../support/stores.ts";
import { recordingLogger, testConfig } from "../support/testNode.ts";
import { waitFor } from "../support/waitFor.ts";
import { openHandles } from "./openHandles.ts";

let server: RedisServer;
let stores: Stores;
beforeAll(async () => {
  server = await startRedis({ persistent: false });
});
afterAll(() => server.stop());
beforeEach(async () => {
  stores = await openStores(server.url);
});
afterEach(() => stores.close());

const reason = new Error("the host stops");
const { log, logger } = recordingLogger("debug", "starting");

/** Starts one under a signal. Answers how to stop it. */
async function start(
  kind: "node" | "coordinator",
  redisUrl: string,
  signal?: AbortSignal,
  settings: Readonly<Record<string, string>> = {},
): Promise<() => Promise<void>> {
  const config = testConfig({
    ...settings,
    REDIS_URL: redisUrl,
    YONEXUS_KEY_PREFIX: stores.keys.prefix,
    YONEXUS_MASTER_KEY: Buffer.from(MASTER_KEY).toString("base64"),
    YONEXUS_FOLLOWER_IDENTIFIERS: "alpha",
  });
  const signalOption = signal === undefined ? {} : { signal };
  const running =
    kind === "node"
      ? await startNode(config, { logger, ...signalOption })
      : await startCoordinator(config, { logger, terminal: new PassThrough(), json: true, ...signalOption });
  return () => running.stop();
}

const clients = async () => Number(/connected_clients:(\d+)/u.exec(await stores.redis.info("clients"))?.[1]);

describe.each(["node", "coordinator"] as const)("a %s that is started under a signal", (kind) => {
  it("gives up with the reason while it waits for a Redis that does not listen, and leaves nothing open", async () => {
    const [port] = await freePorts(1);
    const before = openHandles();
    const controller = new AbortController();
    const lines = log.length;
    const refused = expect(start(kind, `redis://127.0.0.1:${port}`, controller.signal)).rejects.toBe(reason);
    await waitFor("it to say that it waits", () => log.slice(lines).join("").includes("Redis does not answer"));
    controller.abort(reason);
    await refused;
    await waitFor("its sockets and timers to be gone", () => openHandles() <= before);
  });

  it("opens nothing when that was aborted before", async () => {
    const before = openHandles();
    await expect(start(kind, server.url, AbortSignal.abort(reason))).rejects.toBe(reason);
    // Not the same: a timer of the test runner may have been among them, and gone off.
    expect(openHandles()).toBeLessThanOrEqual(before);
  });

  it("is ready, or gives up and leaves nothing open, whenever that is aborted", async () => {
    const [clientsBefore, handlesBefore] = [await clients(), openHandles()];
    const ends: string[] = [];
    // From before the first connection to after all is ready.
    for (let turns = 0; ends.at(-1) !== "ready"; turns = Math.ceil((turns + 1) * 1.2)) {
      const controller = new AbortController();
      const end = start(kind, server.url, controller.signal).then(
        async (stop) => {
          await stop();
          return "ready";
        },
        (error: unknown) => (error === reason ? "gave up" : String(error)),
      );
      for (let turn = 0; turn < turns; turn++) await nextTurn();
      controller.abort(reason);
      ends.push(await end);
    }
    expect(ends[0]).toBe("gave up");
    expect(new Set(ends)).toEqual(new Set(["gave up", "ready"]));
    await waitFor("its connections to be gone", async () => (await clients()) <= clientsBefore);
    await waitFor("its sockets and timers to be gone", () => openHandles() <= handlesBefore);
  });

  it("goes on when that is aborted after it was ready", async () => {
    const controller = new AbortController();
    const stop = await start(kind, server.url, controller.signal);
    controller.abort(reason);
    const lives = kind === "node" ? stores.nodes.list() : stores.redis.zrange(stores.keys.coordinators, "0", "-1");
    expect(await lives).toHaveLength(1);
    await stop();
  });

  it("leaves nothing open either when the keys are of another version", async () => {
    const before = await clients();
    await stores.redis.set(stores.keys.schemaVersion, "999");
    await expect(start(kind, server.url)).rejects.toThrow(SchemaMismatchError);
    await waitFor("its connections to be gone", async () => (await clients()) <= before);
  });
});

it("a coordinator that waits for Redis says on its admin address that it lives, and is gone from there when it gives up", async () => {
  const [redisPort, adminPort] = await freePorts(2);
  const controller = new AbortController();
  const settings = { YONEXUS_ADMIN_PORT: String(adminPort) };
  const starting = start("coordinator", `redis://127.0.0.1:${redisPort}`, controller.signal, settings);
  const refused = expect(starting).rejects.toBe(reason);
  const health = () => fetch(`http://127.0.0.1:${adminPort}/healthz`).catch(() => undefined);
  const answer = await waitFor("it to listen", health);
  expect([answer.status, await answer.json()]).toEqual([200, { status: "alive" }]);
  controller.abort(reason);
  await refused;
  expect(await health()).toBeUndefined();
});
