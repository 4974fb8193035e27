import type { RedisServer } from "./redisServer.ts";

/** The connections that a Redis has, a line of CLIENT LIST each; the one that asks is among them. */
export async function redisClients(redis: Pick<RedisServer, "command">): Promise<string[]> {
  return String(await redis.command("CLIENT", "LIST"))
    .split("\n")
    .filter((line) => line.includes("id="));
}
