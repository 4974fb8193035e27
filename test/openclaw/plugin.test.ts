import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { OpenclawGateway } from "../support/openclawGateway.ts";
import { OpenclawProfile } from "../support/openclawGatewayProfile.ts";
import { recordBoot } from "../support/openclawGatewayReport.ts";
import { redisClients } from "../support/redisClients.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { TestCluster } from "../support/testCluster.ts";
import type { TestNode } from "../support/testNode.ts";
import { waitFor } from "../support/waitFor.ts";
import { EXAMPLE, installer, PLUGIN_ID } from "./installation.ts";

// One gateway with the plugin, installed by the script, beside a cluster of two nodes.
let redis: RedisServer;
let cluster: TestCluster;
let nodes: readonly TestNode[];
let profile: OpenclawProfile;
let gateway: OpenclawGateway;
let configBefore: string;
let clientsBefore: number;

beforeAll(async () => {
  redis = await startRedis();
  cluster = await TestCluster.open(redis.url);
  nodes = [
    await cluster.startNode({ YONEXUS_NODE_NAME: "left" }),
    await cluster.startNode({ YONEXUS_NODE_NAME: "right" }),
  ];
  await cluster.startCoordinator();
  const settings = { redisUrl: redis.url, keyPrefix: cluster.env.YONEXUS_KEY_PREFIX, followerIdentifiers: ["zeta"] };
  profile = new OpenclawProfile({ config: { plugins: { entries: { [PLUGIN_ID]: { config: settings } } } } });
  profile.addPlugin(EXAMPLE);
  const config = profile.readConfig() as { plugins: { entries: Record<string, object> } };
  config.plugins.entries["answer-ping"] = { enabled: true };
  profile.writeConfig(config);
  configBefore = readFileSync(profile.configFile, "utf8");
  clientsBefore = await clients();
  const installed = await installer("--install", "--openclaw-profile-path", profile.folder);
  expect(installed).toMatchObject({ code: 0 });
  gateway = await OpenclawGateway.start({ profile });
});

afterAll(async () => {
  await gateway?.remove();
  profile?.remove();
  await cluster?.stop();
  await redis?.stop();
});

async function tool(name: string, args: object = {}): Promise<Record<string, unknown>> {
  const { status, body } = await gateway.invokeTool(name, args);
  expect(status).toBe(200);
  return (body as { result: { details: Record<string, unknown> } }).result.details;
}

async function clients(): Promise<number> {
  return (await redisClients(redis)).length;
}

const settings = (changes: object) => ({ plugins: { entries: { [PLUGIN_ID]: { config: changes } } } });

const connected = () =>
  waitFor(
    "the plugin to be connected",
    async () => "outcome" in (await tool("listClientStatus", { limit: 1 })),
    20_000,
  );

describe("the plugin in a real gateway", () => {
  it("is loaded, reports no failure, and has let in what its settings name", async () => {
    await connected();
    const { plugins } = await gateway.health();
    expect(plugins.loaded).toContain(PLUGIN_ID);
    expect(plugins.errors).toEqual([]);
    expect(await tool("getPairingState", { identifier: "zeta" })).toMatchObject({
      outcome: { allowed: true, paired: false },
    });
    recordBoot("with the plugin", { bootMs: gateway.bootMs, rssBytes: await gateway.rss(), warm: true });
  });

  it("sends for an agent to a follower on either node, and tells the truth about one that is away", async () => {
    const [left, right] = await Promise.all(
      nodes.map(async (node, index) =>
        cluster.logIn(node, await cluster.pairedFollower(`agent${index}`), { capabilities: ["ack"] }),
      ),
    );
    const send = (identifier: string, extra = {}) =>
      tool("sendMessageToClient", { identifier, rule: "chat", content: "hello", ...extra });
    expect(await send("agent0")).toMatchObject({ outcome: { result: "delivered", node: nodes[0]?.nodeId } });
    expect(await send("agent1")).toMatchObject({ outcome: { result: "delivered", node: nodes[1]?.nodeId } });
    await waitFor("both messages", async () => [left, right].every((each) => each?.received.includes("chat::hello")));
    await left?.close();
    expect(await send("agent0")).toMatchObject({ outcome: { result: "offline", reason: "disconnected" } });
    expect(await send("agent0", { delivery: "queued", messageId: "kept-1" })).toMatchObject({
      outcome: { result: "queued" },
    });
    expect(await tool("getMessageState", { messageId: "kept-1" })).toMatchObject({ outcome: { state: "queued" } });
    expect(await send("ghost")).toMatchObject({ outcome: { result: "offline", reason: "unknown_identifier" } });
    expect(await tool("sendMessageToClient", { identifier: "agent0" })).toMatchObject({
      failure: { code: "INVALID_PARAMETERS" },
    });
    expect(await tool("listClientStatus", { status: "online" })).toMatchObject({
      outcome: { followers: [{ identifier: "agent1" }] },
    });
  });

  it("lets the example plugin welcome a follower and answer it, through two nodes", async () => {
    const alpha = await cluster.logIn(nodes[0] as TestNode, await cluster.pairedFollower("alpha"), {
      capabilities: ["ack"],
    });
    const beta = await cluster.logIn(nodes[1] as TestNode, await cluster.pairedFollower("beta"), {
      capabilities: ["ack"],
    });
    await waitFor("both welcomes", async () => alpha.queued.length + beta.queued.length === 2);
    for (const each of [alpha, beta]) expect(each.queued[0]).toMatchObject({ rule: "welcome", content: "hello" });
    alpha.message("m1", "ping", "one");
    beta.message("m1", "ping", "two");
    await waitFor("both answers", async () => alpha.queued.length + beta.queued.length === 4);
    expect(alpha.queued[1]).toMatchObject({ rule: "ping", content: "pong one, alpha" });
    expect(beta.queued[1]).toMatchObject({ rule: "ping", content: "pong two, beta" });
    await gateway.logged(/answer-ping: welcomed alpha: queued/);
  });

  it("answers its operator in a chat and in a terminal, the same", async () => {
    const delta = await cluster.logIn(nodes[1] as TestNode, await cluster.pairedFollower("delta"));
    expect(await gateway.chat("/yonexus listClients")).toMatch(/delta +online/);
    expect(await gateway.chat("/yonexus showClient ghost")).toContain("`/yonexus allowClient ghost` lets it in");
    expect(await gateway.chat("/yonexus rePairClnt delta")).toContain("Did you mean /yonexus rePairClient?");
    expect(await gateway.chat("/yonexus rePairClient delta")).toContain(
      `Its session on ${nodes[1]?.nodeId} was closed.`,
    );
    expect(await delta.closed()).toMatchObject({ code: 4510 });

    const [listed, shown, doctor] = await Promise.all([
      gateway.cli("yonexus", "listClients", "--json"),
      gateway.cli("yonexus", "showClient", "ghost"),
      gateway.cli("yonexus", "doctor"),
    ]);
    expect(JSON.parse(listed.stdout)).toContainEqual(expect.objectContaining({ identifier: "delta", paired: false }));
    expect(shown).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("`openclaw yonexus allowClient ghost` lets it in"),
    });
    expect(doctor).toMatchObject({ code: 0, stdout: expect.stringMatching(/ok +nodes +2 alive/) });
  });

  it("is reloaded ten times without a connection left behind, and its users' rules go on", async () => {
    await connected();
    // A command of the test before may have a connection that Redis has not taken down yet.
    const settled = await waitFor("a steady number of connections", async () => {
      const first = await clients();
      await new Promise((resume) => setTimeout(resume, 300));
      return (await clients()) === first && first;
    });
    for (let reload = 0; reload < 10; reload++) {
      const names = ["zeta", `reload${reload}`];
      expect(await gateway.writeConfig(settings({ followerIdentifiers: names }))).toMatchObject({ outcome: "applied" });
      await waitFor("the new settings to be in force", async () => {
        const { outcome } = (await tool("getPairingState", { identifier: `reload${reload}` })) as {
          outcome?: { allowed?: boolean };
        };
        return outcome?.allowed;
      });
    }
    await waitFor("no connection of an earlier start to be left", async () => (await clients()) === settled);
    expect(await tool("getPairingState", { identifier: "reload0" })).toMatchObject({ outcome: { allowed: false } });
    const rules = await cluster.stores.rules.list();
    await waitFor("the example to hold its rule once", async () => {
      const [record] = await cluster.stores.rules.list();
      return record?.rule === "ping" && record.replicas.length === 1;
    });
    expect(rules).toHaveLength(1);
    const gamma = await cluster.logIn(nodes[0] as TestNode, await cluster.pairedFollower("gamma"), {
      capabilities: ["ack"],
    });
    gamma.message("m1", "ping", "after");
    await waitFor("the welcome and the answer", () => gamma.queued.length >= 2);
    expect(gamma.queued.map(({ content }) => content).sort()).toEqual(["hello", "pong after, gamma"]);
  });

  it("with a wrong setting does nothing and says why, while the gateway and the terminal go on", async () => {
    await gateway.writeConfig(settings({ listenPort: "87o7", redisUrl: redis.url }));
    const problem =
      'listenPort in plugins.entries.yonexus-server.config is "87o7": it must be a whole number from 1 to 65535.';
    await waitFor("its health to say so", async () =>
      (await gateway.health()).plugins.errors.some(({ error }) => error.includes(problem)),
    );
    expect(await tool("listClientStatus")).toEqual({ failure: { code: "CONFIG_INVALID", message: problem } });
    expect(await (await fetch(`${gateway.url}/readyz`)).json()).toMatchObject({ ready: true });
    expect(await gateway.chat("/yonexus listClients")).toBe(problem);
    expect(await gateway.cli("yonexus", "listClients")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(problem),
    });
    await gateway.writeConfig(settings({ listenPort: 8787 }));
    await connected();
    expect((await gateway.health()).plugins.errors).toEqual([]);
  });

  it("says by health and tools that Redis is away, and goes on by itself when it is back", async () => {
    await redis.kill();
    await waitFor("its health to say so", async () =>
      (await gateway.health()).plugins.errors.some(({ error }) => /Redis/.test(error)),
    );
    expect(await tool("sendMessageToClient", { identifier: "zeta", rule: "chat", content: "x" })).toMatchObject({
      failure: { code: "NOT_CONNECTED", message: expect.stringContaining("Redis") },
    });
    await redis.restart();
    await connected();
    await waitFor("its health to be well", async () => (await gateway.health()).plugins.errors.length === 0);
  });

  it("ends with the gateway: no connection is left, and nothing keeps the process", async () => {
    const stopped = await gateway.stop();
    expect(stopped).toMatchObject({ killed: false, how: "code 0" });
    await cluster.stop();
    await waitFor("no connection to be left", async () => (await clients()) <= clientsBefore);
  });

  it("is uninstalled without a trace: the profile is as it was, byte for byte", async () => {
    // What the tests above changed in the settings is put back first, as a person would.
    const config = profile.readConfig() as { plugins: { entries: Record<string, { config?: object }> } };
    const entry = config.plugins.entries[PLUGIN_ID];
    const { plugins } = JSON.parse(configBefore) as typeof config;
    if (entry !== undefined) entry.config = plugins.entries[PLUGIN_ID]?.config ?? {};
    profile.writeConfig(config);
    expect(await installer("--uninstall", "--purge", "--openclaw-profile-path", profile.folder)).toMatchObject({
      code: 0,
    });
    expect(JSON.parse(readFileSync(profile.configFile, "utf8"))).toEqual(JSON.parse(configBefore));
    expect(existsSync(join(profile.folder, PLUGIN_ID))).toBe(false);
    expect(readdirSync(join(profile.folder, "extensions"))).toEqual(["answer-ping"]);

    // One that nobody changed since it was installed gets its very bytes back.
    const fresh = new OpenclawProfile();
    try {
      const before = tree(fresh.folder);
      expect(await installer("--install", "--openclaw-profile-path", fresh.folder)).toMatchObject({ code: 0 });
      expect(tree(fresh.folder)).not.toEqual(before);
      expect(await installer("--uninstall", "--purge", "--openclaw-profile-path", fresh.folder)).toMatchObject({
        code: 0,
      });
      expect(tree(fresh.folder)).toEqual(before);
    } finally {
      fresh.remove();
    }
  });
});

/** Every file of a folder with its bytes and mode. */
function tree(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  return Object.fromEntries(
    names.map((name) => {
      const path = join(folder, name);
      const { mode } = statSync(path);
      return [name, `${mode.toString(8)} ${statSync(path).isFile() ? readFileSync(path, "base64") : ""}`];
    }),
  );
}
