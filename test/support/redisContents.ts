import type { Stores } from "./stores.ts";

/** Everything under a pattern of keys, by key: whatever Redis would show to one who reads it. */
export async function redisContents(stores: Stores, pattern = `*${stores.keys.prefix}*`): Promise<Map<string, string>> {
  const { redis } = stores;
  const contents = new Map<string, string>();
  for (const key of (await redis.keys(pattern)).sort()) contents.set(key, JSON.stringify(await read(stores, key)));
  return contents;
}

/** What the cluster knows of its followers: all but what changes by itself while time passes. */
export async function followerContents(stores: Stores): Promise<Map<string, string>> {
  const contents = await redisContents(stores);
  const own = stores.keys;
  for (const key of contents.keys()) {
    if (key.startsWith(`${own.prefix}:node:`) || key === own.nodes || key === own.coordinators) contents.delete(key);
  }
  return contents;
}

async function read({ redis }: Stores, key: string): Promise<unknown> {
  const type = await redis.type(key);
  switch (type) {
    case "string":
      return redis.get(key);
    case "hash":
      return Object.entries(await redis.hgetall(key)).sort();
    case "set":
      return (await redis.smembers(key)).sort();
    case "zset":
      return redis.zrange(key, "0", "-1", "WITHSCORES");
    case "list":
      return redis.lrange(key, 0, -1);
    case "stream":
      return redis.xrange(key, "-", "+");
    case "none":
      return null;
    default:
      throw new Error(`A key of the type ${type} cannot be read`);
  }
}
