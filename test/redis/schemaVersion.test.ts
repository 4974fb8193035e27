import { ensureSchemaVersion, SCHEMA_VERSION, SchemaMismatchError } from "@yonexus/protocol/redis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { openStores, type Stores } from "../support/stores.ts";

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis({ persistent: false });
});
afterAll(() => server.stop());

it("an empty key space is marked with this version, whichever of 20 processes comes first", async () => {
  const stores = await openStores(server.url);
  await Promise.all(Array.from({ length: 20 }, () => ensureSchemaVersion(stores.redis, stores.keys)));
  expect(await stores.redis.get(stores.keys.schemaVersion)).toBe(SCHEMA_VERSION);
  expect(await stores.redis.keys(`${stores.keys.prefix}:*`)).toEqual([stores.keys.schemaVersion]);
  stores.close();
});

it("a key space of another version is refused, with both versions and a way out, and nothing is written", async () => {
  const stores = await openStores(server.url);
  await stores.redis.set(stores.keys.schemaVersion, "0");
  const refused = ensureSchemaVersion(stores.redis, stores.keys);
  await expect(refused).rejects.toThrow(SchemaMismatchError);
  await expect(refused).rejects.toMatchObject({ code: "SCHEMA_MISMATCH" });
  await expect(refused).rejects.toThrow(/version 0, and this is version 1.*YONEXUS_KEY_PREFIX/u);
  const toAnother = ensureSchemaVersion(stores.redis, stores.keys, (name) => `${name} in a file`);
  await expect(toAnother).rejects.toThrow(/set keyPrefix in a file to a new prefix/u);
  expect(await stores.redis.get(stores.keys.schemaVersion)).toBe("0");
  expect(await stores.redis.keys(`${stores.keys.prefix}:*`)).toEqual([stores.keys.schemaVersion]);
  stores.close();
});

it.each([
  ["a hash", (key: string, { redis }: Stores) => redis.hset(key, "field", "value")],
  ["a list", (key: string, { redis }: Stores) => redis.rpush(key, "1")],
  ["a text that is no version", (key: string, { redis }: Stores) => redis.set(key, "of another program")],
  ["an empty text", (key: string, { redis }: Stores) => redis.set(key, "")],
])(
  "a key space where the version is %s belongs to something else: it is refused so, and nothing is written",
  async (_, write) => {
    const stores = await openStores(server.url);
    const key = stores.keys.schemaVersion;
    await write(key, stores);
    const before = await stores.redis.dump(key);
    const refused = ensureSchemaVersion(stores.redis, stores.keys);
    await expect(refused).rejects.toThrow(SchemaMismatchError);
    await expect(refused).rejects.toThrow(
      /holds no schema version of Yonexus.*belongs to something else.*YONEXUS_KEY_PREFIX/u,
    );
    expect(await stores.redis.dump(key)).toBe(before);
    expect(await stores.redis.keys(`${stores.keys.prefix}:*`)).toEqual([key]);
    stores.close();
  },
);
