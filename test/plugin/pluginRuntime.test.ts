import { Keys } from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { reachCluster } from "../../plugin/core/container.ts";
import { explainFailure } from "../../plugin/core/failure.ts";
import { yonexusHub } from "../../plugin/core/pluginInterface.ts";
import { listClientStatus } from "../../plugin/tools/listClientStatus.ts";
import { sendMessageToClient } from "../../plugin/tools/sendMessageToClient.ts";
import { freePorts } from "../support/freePorts.ts";
import { redisClients } from "../support/redisClients.ts";
import { findRedisBinary, type RedisServer, startRedis, startRedisOnPort } from "../support/redisServer.ts";
import { openStores, type Stores } from "../support/stores.ts";
import { TestCluster } from "../support/testCluster.ts";
import { waitFor } from "../support/waitFor.ts";
import { PluginHost } from "./gatewayFixture.ts";

let server: RedisServer;
let host: PluginHost;
const ends: (() => unknown)[] = [];

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
afterEach(async () => {
  await host.stop();
  host.remove();
  for (const end of ends.splice(0)) await end();
});

let count = 0;
const newPrefix = () => `p${process.pid}-${count++}`;

async function clients(redis: RedisServer): Promise<number> {
  return (await redisClients(redis)).length;
}

async function stores(prefix: string): Promise<Stores> {
  const opened = await openStores(server.url, { keys: new Keys(prefix) });
  ends.push(() => opened.close());
  return opened;
}

describe("the plugin's runtime", () => {
  it("connects, lets in what followerIdentifiers names, and leaves no connection when it is stopped", async () => {
    host = new PluginHost();
    const before = await clients(server);
    await host.start({ redisUrl: server.url, keyPrefix: newPrefix(), followerIdentifiers: ["alpha"] });
    await host.connected();
    expect((await (await host.registry()).list(undefined, 10)).followers).toMatchObject([
      { identifier: "alpha", allowed: true },
    ]);
    expect(host.failure).toBeUndefined();
    await host.stop();
    await waitFor("its connections to be gone", async () => (await clients(server)) <= before);
  });

  it("is started once, however often it is told to, and has the same connections after ten reloads", async () => {
    host = new PluginHost();
    const config = { redisUrl: server.url, keyPrefix: newPrefix() };
    await host.start(config);
    await host.connected();
    const settled = await clients(server);
    for (let reload = 0; reload < 10; reload++) {
      await host.reload(config);
      await host.connected();
    }
    await waitFor("no connection of an earlier start to be left", async () => (await clients(server)) === settled);
  });

  it("started without Redis says why, and connects by itself when Redis comes", async () => {
    host = new PluginHost();
    const [port = 0] = await freePorts(1);
    await host.start({ redisUrl: `redis://127.0.0.1:${port}` });
    await waitFor("its health to say why", async () => host.failure?.includes(`127.0.0.1:${port}`));
    expect(host.status?.phase).toBe("connecting");
    // Each try fails as the one before it, which is told once.
    const again = "debug Another try to connect failed as before.";
    await waitFor("a try that fails as before", () => host.log.includes(again), 25_000);
    expect(host.log.filter((line) => line.startsWith("warn"))).toHaveLength(1);
    const late = await startRedisOnPort(findRedisBinary() ?? "redis-server", port, []);
    ends.push(() => late.stop());
    await host.connected();
    expect(host.failure).toBeUndefined();
  }, 90_000);

  it("stopped while it waits for Redis ends at once", async () => {
    host = new PluginHost();
    const [port = 0] = await freePorts(1);
    await host.start({ redisUrl: `redis://127.0.0.1:${port}` });
    await host.stop();
    await expect(reachCluster(10)).rejects.toMatchObject({ code: "STOPPED" });
  });

  it("tells an outage once by health and log, answers tools with why meanwhile, and takes it back when Redis returns", async () => {
    const own = await startRedis();
    ends.push(() => own.stop());
    host = new PluginHost();
    await host.start({ redisUrl: own.url });
    await host.connected();
    await own.kill();
    await waitFor("its health to say so", async () => host.failure !== undefined);
    const { details } = await listClientStatus(reachCluster).execute("1", {});
    expect(details).toMatchObject({ failure: { code: "NOT_CONNECTED", message: expect.stringContaining("Redis") } });
    await own.restart();
    await waitFor("its health to be well", async () => host.failure === undefined);
    expect(host.log.filter((line) => line.startsWith("warn"))).toHaveLength(1);
    expect((await listClientStatus(reachCluster).execute("1", {})).details).toHaveProperty("outcome");
  });

  it("answers a tool while Redis has stopped answering and keeps its connections open", async () => {
    const own = await startRedis();
    ends.push(() => own.stop());
    host = new PluginHost();
    await host.start({ redisUrl: own.url });
    await host.connected();
    await own.pause();
    // It answers while Redis is silent still: nothing resumes it before.
    const { details } = await listClientStatus(reachCluster).execute("1", {});
    expect(details).toMatchObject({ failure: { code: "NOT_CONNECTED" } });
    await own.resume();
  });

  it("ends a send while Redis has stopped answering, and says what may have become of the message", async () => {
    const own = await startRedis();
    ends.push(() => own.stop());
    host = new PluginHost();
    await host.start({ redisUrl: own.url });
    await host.connected();
    const cluster = await reachCluster(1_000);
    const tool = sendMessageToClient(async () => cluster);
    const send = (params: object) => tool.execute("1", { identifier: "alpha", rule: "chat", content: "hi", ...params });
    await send({});
    await own.pause();
    const [live, queued] = await Promise.all([send({}), send({ delivery: "queued", messageId: "m1" })]);
    // Both are answered while Redis is silent still.
    expect(live.details).toMatchObject({ outcome: { result: "timeout" } });
    expect(queued.details).toMatchObject({ outcome: { result: "timeout", messageId: "m1" } });
    await own.resume();
  });

  it("ends within the time that OpenClaw gives while Redis has stopped answering and a handler is busy", async () => {
    const own = await startRedis();
    ends.push(() => own.stop());
    const cluster = await TestCluster.open(own.url);
    ends.push(() => cluster.stop());
    host = new PluginHost();
    const begun: string[] = [];
    const released = Promise.withResolvers<void>();
    const busy = async ({ rule }: { readonly rule: string }) => {
      begun.push(rule);
      await released.promise;
    };
    yonexusHub().setups.set("busy", (yonexus) => {
      yonexus.registerRule("busy", busy);
    });
    await host.start({ redisUrl: own.url, keyPrefix: cluster.env.YONEXUS_KEY_PREFIX });
    await host.connected();
    // The end of the connections waits for its handler: nothing but the limit ends that, however slow the machine is.
    await (await reachCluster(2_500)).registerRule("endless", busy, { stopTimeoutMs: 60_000 });
    const node = await cluster.startNode();
    const alpha = await cluster.logIn(node, await cluster.pairedFollower("alpha"), { capabilities: ["ack"] });
    alpha.message("m1", "busy", "");
    alpha.message("m2", "endless", "");
    await waitFor("both to be handled", () => begun.length === 2);
    await own.pause();
    const stopping = performance.now();
    await host.stop();
    // The time alone would say more of the machine than of the limits, which make up the time that OpenClaw gives.
    expect(performance.now() - stopping).toBeLessThan(10_000);
    expect(host.log.join("\n")).toContain("The end of rules and registrations takes more than 4.2 s");
    expect(host.log.join("\n")).toContain("The end of connections takes more than 0.3 s");
    released.resolve();
    await own.resume();
    expect(host.log.join("\n")).not.toContain("failed (");
  });

  it("with a wrong setting runs nothing, harms nobody, and says the key and the mend", async () => {
    host = new PluginHost();
    await host.start({ redisUrl: server.url, listenPort: "87o7" });
    expect(host.failure).toContain('listenPort in plugins.entries.yonexus-server.config is "87o7": it must be');
    await expect(reachCluster(10)).rejects.toMatchObject({ code: "CONFIG_INVALID" });
    await host.reload({ redisUrl: server.url, keyPrefix: newPrefix() });
    await host.connected();
    expect(host.failure).toBeUndefined();
  });
});

describe("a Redis that is not for this plugin", () => {
  it("of another version of the key space is refused with what to do, and nothing is written to it", async () => {
    const prefix = newPrefix();
    await server.command("SET", `${prefix}:schema`, "99");
    host = new PluginHost();
    await host.start({ redisUrl: server.url, keyPrefix: prefix, followerIdentifiers: ["alpha"] });
    await waitFor("it to be refused", async () => host.status?.phase === "refused");
    expect(host.failure).toMatch(
      /schema version 99, and this is version \d+: run the matching release, or set keyPrefix in plugins\.entries/,
    );
    expect(await server.command("KEYS", `${prefix}:*`)).toEqual([`${prefix}:schema`]);
    await expect(reachCluster(10)).rejects.toMatchObject({ code: "REFUSED" });
  });

  it("whose key stands for something else is refused, and nothing is written to it", async () => {
    const prefix = newPrefix();
    await server.command("RPUSH", `${prefix}:schema`, "a");
    host = new PluginHost();
    await host.start({ redisUrl: server.url, keyPrefix: prefix });
    await waitFor("it to be refused", async () => host.status?.phase === "refused");
    expect(await server.command("KEYS", `${prefix}:*`)).toEqual([`${prefix}:schema`]);
  });

  it("whose nodes have another master key is refused before the allowlist is touched", async () => {
    const cluster = await TestCluster.open(server.url);
    ends.push(() => cluster.stop());
    await cluster.startNode();
    const prefix = cluster.env.YONEXUS_KEY_PREFIX ?? "";
    const other = Buffer.alloc(32, 1).toString("base64");
    host = new PluginHost();
    await host.start({ redisUrl: server.url, keyPrefix: prefix, masterKey: other, followerIdentifiers: ["alpha"] });
    await waitFor("it to be refused", async () => host.status?.phase === "refused");
    expect(host.failure).toContain("has another master key");
    expect(host.failure).not.toContain(other);
    expect(await cluster.stores.directory.find("alpha")).toBeUndefined();
    await host.reload({ redisUrl: server.url, keyPrefix: prefix, masterKey: cluster.env.YONEXUS_MASTER_KEY });
    await host.connected();
  });

  it.each<[string, readonly string[], (url: string) => string, RegExp]>([
    [
      "asks for a password",
      ["CONFIG", "SET", "requirepass", "right"],
      (url) => url,
      /Redis asks for a password, at .+ Put its password into/,
    ],
    [
      "refuses the password",
      ["CONFIG", "SET", "requirepass", "right"],
      (url) => url.replace("://", "://:wrong@"),
      /Redis refuses the password, at /,
    ],
    [
      "takes no writes",
      ["REPLICAOF", "127.0.0.1", "1"],
      (url) => url,
      /Redis is a read-only replica|Redis is a replica that has lost/,
    ],
    ["does not speak TLS", ["PING"], (url) => url.replace("redis://", "rediss://"), /TLS/],
  ])("because it %s is told by health, without the password", async (_, command, urlOf, problem) => {
    const own = await startRedis({ tcp: true, persistent: false });
    ends.push(() => own.stop());
    await own.command(...command);
    host = new PluginHost();
    await host.start({ redisUrl: urlOf(own.url) });
    await waitFor("its health to say why", async () => problem.test(host.failure ?? ""));
    expect(`${host.failure}${host.log.join()}`).not.toMatch(/wrong@|:wrong|right/);
  });
});

describe("followerIdentifiers", () => {
  it("of one gateway take off only what that list had let in, never an operator's or another gateway's", async () => {
    const prefix = newPrefix();
    const { trust, directory } = await stores(prefix);
    await trust.allow(["byHand"]);
    await trust.applyConfigured(["shared"], "gateway:other");
    host = new PluginHost();
    const config = { redisUrl: server.url, keyPrefix: prefix };
    await host.start({ ...config, followerIdentifiers: ["own", "shared", "byHand"] });
    await host.connected();
    await host.reload({ ...config, followerIdentifiers: [] });
    await host.connected();
    const allowed = async (identifier: string) => (await directory.find(identifier))?.allowed;
    expect([await allowed("own"), await allowed("shared"), await allowed("byHand")]).toEqual([false, true, true]);
  });

  it("that are not given leave the allowlist as it is", async () => {
    const prefix = newPrefix();
    const { directory } = await stores(prefix);
    host = new PluginHost();
    const config = { redisUrl: server.url, keyPrefix: prefix };
    await host.start({ ...config, followerIdentifiers: ["own"] });
    await host.connected();
    await host.reload(config);
    await host.connected();
    expect((await directory.find("own"))?.allowed).toBe(true);
  });
});

it("a failure that nobody foresaw is told without what its message may quote", () => {
  expect(explainFailure(new Error("redis://:hunter2@host"))).toEqual({
    code: "INTERNAL_ERROR",
    message: expect.not.stringContaining("hunter2"),
  });
});
