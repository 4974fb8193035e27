import { INTERACTION_WINDOW_MS, InteractionStore } from "@yonexus/protocol/redis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { openStores, type Stores } from "../support/stores.ts";
import { waitFor } from "../support/waitFor.ts";

let server: RedisServer;
let stores: Stores;
let interactions: InteractionStore;
let lastId = 0;
beforeAll(async () => {
  server = await startRedis({ persistent: false });
  stores = await openStores(server.url);
  interactions = new InteractionStore(stores.redis, stores.keys);
});
afterAll(async () => {
  stores.close();
  await server.stop();
});

const note = async (timestamp: number, id = String(++lastId)) => (await interactions.note(id, timestamp)).outcome;

/** The clock of Redis is read before and after: what is asked in between lies in the same second, or is asked again. */
async function inOneSecond<T>(ask: (second: number) => Promise<T>): Promise<T> {
  return waitFor("a whole second", async () => {
    const second = Math.floor((await stores.now()) / 1_000);
    const answer = await ask(second);
    return Math.floor((await stores.now()) / 1_000) === second ? { answer } : undefined;
  }).then(({ answer }) => answer);
}

it("a request is of now when it was signed less than the window ago or ahead, by the clock of Redis", async () => {
  const window = INTERACTION_WINDOW_MS / 1_000;
  const offsets = [-window - 1, -window + 1, 0, window, window + 1];
  const outcomes = await inOneSecond((second) => Promise.all(offsets.map(async (offset) => note(second + offset))));
  expect(outcomes).toEqual(["stale", "new", "new", "new", "stale"]);
});

it("a request is heard once, for longer than it could be of now", async () => {
  const second = Math.floor((await stores.now()) / 1_000);
  expect([await note(second, "7"), await note(second, "7")]).toEqual(["new", "repeated"]);
  expect(await stores.redis.pttl(stores.keys.interaction("7"))).toBeGreaterThan(2 * INTERACTION_WINDOW_MS);
});
