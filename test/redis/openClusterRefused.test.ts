import {
  type Cluster,
  explainConnection,
  openCluster,
  openRedis,
  type RedisConnection,
  type StatusChange,
  whenReady,
} from "@yonexus/protocol/redis";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { waitFor } from "../support/waitFor.ts";
import { openHandles } from "./openHandles.ts";

let server: RedisServer;
let errors: unknown[];
let opened: RedisConnection[];
let clusters: Cluster[];
beforeEach(async () => {
  server = await startRedis({ persistent: false });
  [errors, opened, clusters] = [[], [], []];
});
afterEach(async () => {
  await Promise.all(clusters.map((cluster) => cluster.close()));
  await server.stop();
});

async function open(): Promise<Cluster> {
  const cluster = await openCluster({
    redisUrl: server.url,
    onError: (error) => errors.push(error),
    onConnection: (redis) => opened.push(redis),
  });
  clusters.push(cluster);
  return cluster;
}

/** A connection that takes a place and does nothing. */
async function holdConnection(url: string): Promise<RedisConnection> {
  const connection = openRedis(url, "commands");
  connection.on("error", () => {});
  await whenReady(connection);
  return connection;
}

describe("with a Redis that takes no more connections,", () => {
  /** A cluster whose two connections are all that Redis has room for. */
  async function openFull(): Promise<Cluster> {
    const cluster = await open();
    await cluster.onStatusChange(() => undefined);
    await server.command("CONFIG", "SET", "maxclients", "2");
    return cluster;
  }
  const subscriber = () => opened[1] as RedisConnection;
  const isClosed = { code: "REDIS_UNREACHABLE", message: expect.stringContaining("was closed") };

  it("a rule is refused in time with the error of its connection, and never held meanwhile", async () => {
    const cluster = await openFull();
    const before = openHandles();
    const began = performance.now();
    const error: unknown = await cluster.registerRule("ping", () => undefined).catch((failure: unknown) => failure);
    expect(explainConnection(error)?.found).toContain("was closed before Redis answered");
    expect(performance.now() - began).toBeLessThan(15_000);
    // No message was accepted that nobody would read.
    expect(await cluster.redis.exists(cluster.keys.rule("ping").replicas)).toBe(0);
    await waitFor("its sockets and timers to be gone", () => openHandles() <= before);
  });

  it("a rule that waits for its connection is refused when the cluster is closed, and leaves nothing open", async () => {
    const before = openHandles();
    const cluster = await openFull();
    const registering = cluster.registerRule("ping", () => undefined);
    const refused = expect(registering).rejects.toMatchObject({ code: "REDIS_UNREACHABLE" });
    await waitFor("a try", () => opened.length === 3 && errors.length > 0);
    const began = performance.now();
    await cluster.close();
    await refused;
    expect(performance.now() - began).toBeLessThan(4_500);
    await waitFor("its sockets and timers to be gone", () => openHandles() <= before);
    await expect(cluster.registerRule("ping", () => undefined)).rejects.toMatchObject(isClosed);
    await expect(cluster.onStatusChange(() => undefined)).rejects.toMatchObject(isClosed);
    expect(opened).toHaveLength(3);
  });

  it("a listener is refused in time with the error of the connection, and the next one hears when there is room again", async () => {
    const cluster = await open();
    // What holds the place of the subscriber.
    const holder = await holdConnection(server.url);
    await server.command("CONFIG", "SET", "maxclients", "2");
    subscriber().disconnect(true);
    await waitFor("it to notice", () => subscriber().status !== "ready");
    const began = performance.now();
    const error: unknown = await cluster.onStatusChange(() => undefined).catch((failure: unknown) => failure);
    expect(explainConnection(error)?.found).toContain("was closed before Redis answered");
    expect(performance.now() - began).toBeLessThan(15_000);
    holder.disconnect();
    await waitFor("it to be back", () => subscriber().status === "ready");
    const heard: StatusChange[] = [];
    await cluster.onStatusChange((change) => heard.push(change));
    await cluster.redis.publish(
      cluster.keys.events,
      '{"type":"status","identifier":"alpha","status":"online","previous":"offline","reason":"x","at":1}',
    );
    await waitFor("the change", () => heard.length === 1);
  });
});

describe("a Redis that stops answering", () => {
  it("keeps a listener waiting for seconds, and hears it no more once it is refused", async () => {
    const cluster = await open();
    await server.pause();
    const heard: StatusChange[] = [];
    const listening = cluster.onStatusChange((change) => heard.push(change));
    await expect(listening).rejects.toMatchObject({ code: "REDIS_UNREACHABLE" });
    await server.resume();
    await waitFor("the subscription to be given up", async () => {
      const [, count] = (await cluster.redis.pubsub("NUMSUB", cluster.keys.events)) as [string, number];
      return count === 0 && opened[1]?.status === "ready";
    });
    expect(heard).toEqual([]);
  });
});

describe("a rule that Redis refuses", () => {
  it.each([
    ["OOM", ["CONFIG", "SET", "maxmemory", "1"]],
    ["READONLY", ["REPLICAOF", "127.0.0.1", "1"]],
    ["NOPERM", ["ACL", "SETUSER", "default", "-zadd"]],
  ])("is refused with its own word: %s", async (word, refusing) => {
    const cluster = await open();
    await server.command(...refusing);
    const error: unknown = await cluster.registerRule("ping", () => undefined).catch((failure: unknown) => failure);
    expect(error).toMatchObject({ name: "ReplyError", message: expect.stringMatching(new RegExp(`^${word} `, "u")) });
    await waitFor("its connection to end", () => opened.at(-1)?.status === "end");
  });
});
