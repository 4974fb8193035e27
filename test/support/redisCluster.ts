import { freePorts } from "./freePorts.ts";
import { findRedisBinary, persistence, type RedisServer, startRedisOnPort } from "./redisServer.ts";
import { waitFor } from "./waitFor.ts";

export interface RedisCluster {
  /** In a form REDIS_URL takes: all nodes. */
  readonly url: string;
  /** The masters first, then their replicas. */
  readonly nodes: readonly RedisServer[];
  stop(): Promise<void>;
}

export interface RedisClusterOptions {
  readonly masters?: number;
  /** Replicas of each master. None unless told. */
  readonly replicas?: number;
  readonly binary?: string;
}

const SLOTS = 16_384;
const FORMED_TIMEOUT_MS = 30_000;

/** @throws {Error} when the machine has no server program: a cluster is not started in containers. */
export async function startRedisCluster(options: RedisClusterOptions = {}): Promise<RedisCluster> {
  const binary = options.binary ?? findRedisBinary();
  if (binary === undefined) {
    throw new Error("A Redis Cluster needs redis-server or valkey-server on the PATH: install one of them.");
  }
  // Another process may take a port before it is used.
  for (let tries = 3; ; tries--) {
    try {
      return await startOnFreePorts(binary, options);
    } catch (error) {
      if (tries === 1 || !String(error).includes("Address already in use")) throw error;
    }
  }
}

async function startOnFreePorts(binary: string, options: RedisClusterOptions): Promise<RedisCluster> {
  const masters = options.masters ?? 3;
  const count = masters * (1 + (options.replicas ?? 0));
  const ports = await freePorts(count * 2);
  const places = Array.from({ length: count }, (_, index) => ({
    port: ports[index * 2] ?? 0,
    // Named, because the usual bus port is the port plus 10000, which is not free or not a port for many free ports.
    busPort: ports[index * 2 + 1] ?? 0,
  }));
  const started = await Promise.allSettled(
    places.map(({ port, busPort }) =>
      startRedisOnPort(binary, port, [
        ...persistence(true),
        ...["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-port", String(busPort)],
        // Longer than a busy machine keeps one of them waiting: no test is about a failover.
        ...["--cluster-node-timeout", "15000", "--repl-diskless-sync-delay", "0"],
      ]),
    ),
  );
  const nodes = started.filter((each) => each.status === "fulfilled").map(({ value }) => value);
  const stop = async () => void (await Promise.all(nodes.map((node) => node.stop())));
  try {
    for (const each of started) if (each.status === "rejected") throw each.reason;
    await form(nodes, places, masters);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: `redis+cluster://${places.map(({ port }) => `127.0.0.1:${port}`).join(",")}`, nodes, stop };
}

async function form(
  nodes: readonly RedisServer[],
  places: readonly { port: number; busPort: number }[],
  masters: number,
): Promise<void> {
  const [first] = nodes;
  for (const [index, node] of nodes.slice(0, masters).entries()) {
    const from = Math.floor((index * SLOTS) / masters);
    const to = Math.floor(((index + 1) * SLOTS) / masters) - 1;
    await node.command("CLUSTER", "ADDSLOTSRANGE", String(from), String(to));
    // Distinct epochs from the start: otherwise the nodes settle the collisions one by one, which takes seconds.
    await node.command("CLUSTER", "SET-CONFIG-EPOCH", String(index + 1));
  }
  for (const { port, busPort } of places.slice(1)) {
    await first?.command("CLUSTER", "MEET", "127.0.0.1", String(port), String(busPort));
  }
  await eachAgrees(nodes, (info) => info.includes(`cluster_known_nodes:${nodes.length}\r`));
  for (const [index, replica] of nodes.slice(masters).entries()) {
    const id = await nodes[index % masters]?.command("CLUSTER", "MYID");
    await waitFor("a replica to know its master", () => replica.command("CLUSTER", "REPLICATE", String(id)));
    await waitFor("a replica to be in step", async () =>
      String(await replica.command("INFO", "replication")).includes("master_link_status:up"),
    );
  }
  await eachAgrees(nodes, (info) => info.includes("cluster_state:ok"));
}

async function eachAgrees(nodes: readonly RedisServer[], agrees: (info: string) => boolean): Promise<void> {
  for (const node of nodes) {
    await waitFor(
      "the nodes of the Redis Cluster to agree",
      async () => agrees(String(await node.command("CLUSTER", "INFO"))),
      FORMED_TIMEOUT_MS,
    );
  }
}
