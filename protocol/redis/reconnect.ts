import { isCluster, type RedisConnection } from "./connection.ts";

/** Calls `listener` whenever the connection is back, on a cluster that to one of its servers. @returns to end that. */
export function onReconnect(redis: RedisConnection, listener: () => void): () => void {
  const events = isCluster(redis) ? ["ready", "+node"] : ["ready"];
  // Many may share a connection: Node warns of ten listeners.
  redis.setMaxListeners(redis.getMaxListeners() + 1);
  for (const event of events) redis.on(event, listener);
  return () => {
    for (const event of events) redis.off(event, listener);
    redis.setMaxListeners(redis.getMaxListeners() - 1);
  };
}
