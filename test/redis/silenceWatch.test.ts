import { EventEmitter, once } from "node:events";
import type { OutageLog } from "@yonexus/protocol/redis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { SilenceWatch } from "../../coordinator/silenceWatch.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { openStores, type Stores } from "../support/stores.ts";

let server: RedisServer;
let stores: Stores;
beforeAll(async () => {
  server = await startRedis({ persistent: false });
  stores = await openStores(server.url);
});
afterAll(async () => {
  stores.close();
  await server.stop();
});

/** What the watch says, as events. */
class Said extends EventEmitter implements Pick<OutageLog, "silent" | "answered"> {
  silent(): void {
    this.emit("silent");
  }

  answered(): void {
    this.emit("answered");
  }
}

it("a Redis that halts is silent after two looks in vain, and one that refuses has answered", async () => {
  const said = new Said();
  const watch = new SilenceWatch(stores.redis, said, 10);
  let silent = 0;
  said.on("silent", () => {
    silent += 1;
  });
  watch.start();
  await once(said, "answered");
  expect(silent).toBe(0);
  await server.pause();
  await once(said, "silent");
  await server.resume();
  await once(said, "answered");
  await server.command("ACL", "SETUSER", "default", "-ping");
  await expect(stores.redis.ping()).rejects.toThrow("NOPERM");
  const before = silent;
  for (let look = 0; look < 5; look++) await once(said, "answered");
  expect(silent).toBe(before);
  await watch.stop();
});
