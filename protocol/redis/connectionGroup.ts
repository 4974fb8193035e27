import {
  type ConnectionOptions,
  type ConnectionRole,
  openRedis,
  type RedisConnection,
  whenReady,
} from "./connection.ts";
import type { OutageLog } from "./outageLog.ts";

/** The connections of a process by name: each kind of use would block or flood the others. */
export type ConnectionGroup<Name extends string> = Readonly<Record<Name, RedisConnection>>;

/** Opens them all; `outages` hears of each. */
export function openConnections<Name extends string>(
  url: string,
  roles: Readonly<Record<Name, ConnectionRole>>,
  options: ConnectionOptions,
  outages: OutageLog,
): ConnectionGroup<Name> {
  const opened = Object.entries<ConnectionRole>(roles).map(
    ([name, role]) => [name, openRedis(url, role, options)] as const,
  );
  for (const [, connection] of opened) outages.watch(connection);
  return Object.fromEntries(opened) as Record<Name, RedisConnection>;
}

/** Resolves when Redis answers on each, however long that takes. */
export async function allReady(connections: ConnectionGroup<string>): Promise<void> {
  await Promise.all(Object.values(connections).map(whenReady));
}

export function closeConnections(connections: ConnectionGroup<string>): void {
  for (const connection of Object.values(connections)) connection.disconnect();
}
