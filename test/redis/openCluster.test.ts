import {
  type Cluster,
  type ClusterOptions,
  FollowerDirectory,
  openCluster,
  type RedisConnection,
  RedisUrlError,
  RuleHeldError,
  RuleStore,
  SchemaMismatchError,
  type StatusChange,
} from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { freePorts } from "../support/freePorts.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { ageHeartbeat, claimEpoch, openStores, pairFollower, type Stores } from "../support/stores.ts";
import { waitFor } from "../support/waitFor.ts";
import { openHandles } from "./openHandles.ts";

const THRESHOLDS = { unstableAfterMs: 420_000, offlineAfterMs: 660_000 };

let server: RedisServer;
let stores: Stores;
let errors: unknown[];
let opened: RedisConnection[];
let clusters: Cluster[];
beforeAll(async () => {
  server = await startRedis({ persistent: false });
});
afterAll(() => server.stop());
beforeEach(async () => {
  stores = await openStores(server.url);
  [errors, opened, clusters] = [[], [], []];
});
afterEach(async () => {
  await Promise.all(clusters.map((cluster) => cluster.close()));
  stores.close();
});

async function open(options: Partial<ClusterOptions> = {}): Promise<Cluster> {
  const cluster = await openCluster({
    redisUrl: server.url,
    keyPrefix: stores.keys.prefix,
    onError: (error) => errors.push(error),
    onConnection: (redis) => opened.push(redis),
    ...options,
  });
  clusters.push(cluster);
  return cluster;
}

const subscribers = async () => Number((await stores.redis.pubsub("NUMSUB", stores.keys.events))[1]);

/** One of each kind of change: by a claim, the liveness, a heartbeat, an operator, and a return. */
async function changeStatuses(): Promise<string[]> {
  const version = await pairFollower(stores, "alpha");
  const epoch = await claimEpoch(stores, "alpha", version);
  await ageHeartbeat(stores, "alpha", 500_000);
  await stores.sessions.judge("alpha", THRESHOLDS);
  await stores.sessions.beat("alpha", epoch);
  await stores.trust.disallow("alpha");
  await stores.trust.allow(["alpha"]);
  const next = await claimEpoch(stores, "alpha", version);
  await stores.sessions.end("alpha", next, "disconnected");
  return [
    "offline > online: authenticated",
    "online > unstable: heartbeat_timeout",
    "unstable > online: heartbeat",
    "online > offline: identifier_not_allowed",
    "offline > online: authenticated",
    "online > offline: disconnected",
  ];
}

const asText = ({ previous, status, reason }: StatusChange) => `${previous} > ${status}: ${reason}`;

describe("an opened cluster", () => {
  it("has the connection for commands and the keys, for stores and lists", async () => {
    const { redis, keys } = await open();
    await stores.trust.allow(["alpha"]);
    expect(keys.prefix).toBe(stores.keys.prefix);
    expect(await new FollowerDirectory(redis, keys).find("alpha")).toMatchObject({ allowed: true });
    expect((await new RuleStore(redis, keys).list()).length).toBe(0);
  });

  it("tells of each connection when it is opened, the one for commands first, and ends them all", async () => {
    const cluster = await open();
    expect(opened).toHaveLength(2);
    expect(opened[0]).toBe(cluster.redis);
    await cluster.registerRule("ping", () => undefined);
    expect(opened).toHaveLength(3);
    await cluster.close();
    await waitFor("the connections to end", () => opened.every(({ status }) => status === "end"));
  });
});

describe("a listener of status changes", () => {
  it("hears each change once and in order, as each script publishes it", async () => {
    const heard: StatusChange[] = [];
    await (await open()).onStatusChange((change) => heard.push(change));
    const expected = await changeStatuses();
    await waitFor("the changes", () => heard.length >= expected.length);
    expect(heard.map(asText)).toEqual(expected);
    for (const { identifier, at } of heard) {
      expect(identifier).toBe("alpha");
      expect(Math.abs(at - (await stores.now()))).toBeLessThan(30_000);
    }
    expect(errors).toEqual([]);
  });

  it("that throws is told to onError, and harms no other", async () => {
    const cluster = await open();
    const heard: string[] = [];
    const failure = new Error("a listener's own");
    await cluster.onStatusChange(() => {
      throw failure;
    });
    await cluster.onStatusChange((change) => heard.push(asText(change)));
    const expected = await changeStatuses();
    await waitFor("the changes", () => heard.length >= expected.length);
    expect(heard).toEqual(expected);
    expect(errors).toEqual(expected.map(() => failure));
  });

  it("that returns a promise which rejects is told to onError too, and harms no other", async () => {
    const cluster = await open();
    const heard: string[] = [];
    const failure = new Error("a listener's own, later");
    await cluster.onStatusChange(async () => Promise.reject(failure));
    await cluster.onStatusChange((change) => heard.push(asText(change)));
    const expected = await changeStatuses();
    await waitFor("the changes", () => heard.length >= expected.length && errors.length >= expected.length);
    expect(heard).toEqual(expected);
    expect(errors).toEqual(expected.map(() => failure));
  });

  it("shares one subscription with all others, which ends with the last of them", async () => {
    const cluster = await open();
    const heard: string[] = [];
    const stops = await Promise.all(
      ["first", "second", "third"].map((name) => cluster.onStatusChange(() => heard.push(name))),
    );
    expect(await subscribers()).toBe(1);
    const [first, second, third] = stops;
    first?.();
    first?.();
    second?.();
    await claimEpoch(stores, "alpha", await pairFollower(stores, "alpha"));
    await waitFor("the change", () => heard.length > 0);
    expect(heard).toEqual(["third"]);
    third?.();
    await waitFor("the end of the subscription", async () => (await subscribers()) === 0);
  });

  it("that comes right after the last one left hears", async () => {
    const cluster = await open();
    const heard: StatusChange[] = [];
    for (let round = 0; round < 10; round++) {
      const stop = await cluster.onStatusChange(() => undefined);
      stop();
      const stopThis = await cluster.onStatusChange((change) => heard.push(change));
      await stores.redis.publish(
        stores.keys.events,
        JSON.stringify({
          type: "status",
          identifier: "alpha",
          status: "online",
          previous: "offline",
          reason: "x",
          at: 1,
        }),
      );
      await waitFor("the change", () => heard.length === round + 1);
      stopThis();
    }
  });

  it("ignores texts of another form", async () => {
    const cluster = await open();
    const heard: StatusChange[] = [];
    await cluster.onStatusChange((change) => heard.push(change));
    for (const text of ["", "{", "[]", '{"type":"status"}', '{"type":"other","identifier":"alpha"}']) {
      await stores.redis.publish(stores.keys.events, text);
    }
    await claimEpoch(stores, "alpha", await pairFollower(stores, "alpha"));
    await waitFor("the change", () => heard.length > 0);
    expect(heard.map(asText)).toEqual(["offline > online: authenticated"]);
    expect(errors).toEqual([]);
  });

  it("hears again after its connection was cut, and nothing after the cluster was closed", async () => {
    const cluster = await open();
    const heard: string[] = [];
    await cluster.onStatusChange((change) => heard.push(asText(change)));
    await server.command("CLIENT", "KILL", "TYPE", "pubsub");
    await waitFor("the subscription", async () => (await subscribers()) === 1);
    const expected = await changeStatuses();
    await waitFor("the changes", () => heard.length >= expected.length);
    expect(heard).toEqual(expected);
    await cluster.close();
    await waitFor(
      "its subscription to be gone",
      async () => (await stores.redis.publish(stores.keys.events, "{}")) === 0,
    );
    expect(heard).toEqual(expected);
  });

  it("that waits for a Redis that is away is refused when the cluster is closed", async () => {
    const own = await startRedis({ persistent: false });
    try {
      const cluster = await open({ redisUrl: own.url });
      await own.kill();
      await waitFor("it to notice", () => opened.every(({ status }) => status !== "ready"));
      const listening = cluster.onStatusChange(() => undefined);
      const refused = expect(listening).rejects.toMatchObject({ code: "REDIS_UNREACHABLE" });
      await cluster.close();
      await refused;
    } finally {
      await own.stop();
    }
  });
});

describe("what a program calls its settings", () => {
  const setting = (name: string) => `my ${name}`;

  it("is what the errors of its cluster call them", async () => {
    await expect(open({ redisUrl: "http://cache", setting })).rejects.toThrow(/^my redisUrl is not one of the forms/u);
    const tls = { ca: "a certificate" };
    const opening = open({ redisUrl: "redis://cache", tls, setting });
    await expect(opening).rejects.toThrow(RedisUrlError);
    await expect(opening).rejects.toThrow(/\(my redisCa, my redisCert\), and my redisUrl speaks no TLS/u);
    await stores.redis.set(stores.keys.schemaVersion, "0");
    await expect(open({ setting })).rejects.toThrow(/or set my keyPrefix to a new prefix/u);
  });
});

describe("what fails in a rule alone", () => {
  it("is told to the rule's own onError, and without one to that of the cluster", async () => {
    const cluster = await open();
    const own: unknown[] = [];
    const failure = new Error("a handler's own");
    const failing = () => {
      throw failure;
    };
    await cluster.registerRule("with", failing, { onError: (error) => own.push(error) });
    await cluster.registerRule("without", failing);
    const rules = new RuleStore(stores.redis, stores.keys);
    await rules.append("with", "alpha", "hello", { maxBacklog: 10 });
    await waitFor("the failure", () => own.length > 0);
    // Each try is told, and on a slow machine there was another by now.
    expect(new Set(own)).toEqual(new Set([failure]));
    expect(errors).toEqual([]);
    await rules.append("without", "alpha", "hello", { maxBacklog: 10 });
    await waitFor("the failure", () => errors.length > 0);
    expect(new Set(errors)).toEqual(new Set([failure]));
    expect(new Set(own)).toEqual(new Set([failure]));
  });

  it("leaves no connection behind when the rule is refused", async () => {
    const cluster = await open();
    await expect(cluster.registerRule("builtin", () => undefined)).rejects.toThrow(RuleHeldError);
    await waitFor("its connection to end", () => opened.at(-1)?.status === "end");
    expect(opened).toHaveLength(3);
  });

  it("shows in isLive, which is false once the rule was left", async () => {
    const held = await (await open()).registerRule("ping", () => undefined);
    expect(held.isLive).toBe(true);
    await held.stop();
    expect(held.isLive).toBe(false);
  });
});

describe("a cluster that is opened under a signal", () => {
  const reason = new Error("the host stops");

  it("throws the reason while it waits for a Redis that does not come, and leaves nothing open", async () => {
    const [port] = await freePorts(1);
    const controller = new AbortController();
    const before = openHandles();
    const opening = open({
      redisUrl: `redis://127.0.0.1:${port}`,
      timeoutMs: Number.POSITIVE_INFINITY,
      signal: controller.signal,
    });
    const refused = expect(opening).rejects.toBe(reason);
    await waitFor("a few tries", () => errors.length > 1);
    controller.abort(reason);
    await refused;
    await waitFor("its sockets and timers to be gone", () => openHandles() <= before);
  });

  it("opens nothing when it was aborted before", async () => {
    await expect(open({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(opened).toEqual([]);
  });

  it("is not closed when that is aborted later", async () => {
    const controller = new AbortController();
    const cluster = await open({ signal: controller.signal });
    controller.abort(reason);
    expect(await cluster.redis.ping()).toBe("PONG");
    expect((await cluster.sendMessageToClient("alpha", "ping::hello")).result).toBe("offline");
  });

  it("leaves no connection either when the keys are of another version", async () => {
    await stores.redis.set(stores.keys.schemaVersion, "0");
    await expect(open()).rejects.toThrow(SchemaMismatchError);
    await waitFor("the connection to end", () => opened.every(({ status }) => status === "end"));
  });
});
