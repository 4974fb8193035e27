import {
  type ConnectionOptions,
  type OutageLog,
  openRedis,
  type RedisConnection,
  whenReady,
} from "@yonexus/protocol/redis";

/** A coordinator's connections: each kind of use would block or flood the others. */
export interface Connections {
  /** Scripts and reads of the stores. */
  readonly commands: RedisConnection;
  /** Adds jobs and schedules. */
  readonly producer: RedisConnection;
  /** One a worker. BullMQ opens a second socket beside each, to wait on. */
  readonly sweeps: RedisConnection;
  readonly notices: RedisConnection;
}

/** Opens them all. */
export function openConnections(url: string, options: ConnectionOptions, outages: OutageLog): Connections {
  const connections = {
    commands: openRedis(url, "commands", options),
    producer: openRedis(url, "producer", options),
    sweeps: openRedis(url, "worker", options),
    notices: openRedis(url, "worker", options),
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
