import {
  type ConnectionOptions,
  type OutageLog,
  openRedis,
  type RedisConnection,
  whenReady,
} from "@yonexus/protocol/redis";

/** A node's connections: each kind of use would block or flood the others. */
export interface Connections {
  /** Scripts and reads of the stores. */
  readonly commands: RedisConnection;
  /** The node's own channel. */
  readonly subscriber: RedisConnection;
  /** Adds notices. */
  readonly producer: RedisConnection;
}

/** Opens them all. */
export function openConnections(url: string, options: ConnectionOptions, outages: OutageLog): Connections {
  const connections = {
    commands: openRedis(url, "commands", options),
    subscriber: openRedis(url, "subscriber", options),
    producer: openRedis(url, "producer", options),
  };
  for (const connection of Object.values(connections)) outages.watch(connection);
  return connections;
}

/** Resolves when Redis answers on each, however long that takes. */
export async function allReady(connections: Connections): Promise<void> {
  await Promise.all(Object.values(connections).map(whenReady));
}

export function closeConnections(connections: Connections): void {
  for (const connection of Object.values(connections)) connection.disconnect();
}
