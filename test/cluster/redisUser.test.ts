import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ConsoleAccess, MessageQueue } from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import type { LiveMessage, SessionInfo, ViewRequest } from "../../coordinator/web/liveMessages.ts";
import { Cli } from "../support/cliProcess.ts";
import { buildConsolePage } from "../support/consolePage.ts";
import { DiscordApp } from "../support/discordApp.ts";
import { type DiscordRecorder, startDiscordRecorder } from "../support/discordRecorder.ts";
import { freePorts } from "../support/freePorts.ts";
import { FollowerIdentity } from "../support/rawFollower.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { MASTER_KEY } from "../support/stores.ts";
import { TestCluster, type TestCoordinator } from "../support/testCluster.ts";
import type { TestNode } from "../support/testNode.ts";
import { waitFor } from "../support/waitFor.ts";

const PREFIX = "deployed";
const PASSWORD = "a-password-of-tests";
const ADMIN = "123456789012345678";
const NEW_KEY = new Uint8Array(32).fill(9);
/** Commands are processes, and coordinators look every few seconds; a busy machine takes its time (ms). */
const PATIENCE_MS = 60_000;

const asText = (key: Uint8Array) => Buffer.from(key).toString("base64");

let server: RedisServer;
let discord: DiscordRecorder;
let cluster: TestCluster;
let node: TestNode;
let coordinator: TestCoordinator;
let app: DiscordApp;
let origin: string;
const cli = new Cli();

/** What the user of deploy/users.acl.template may do, and nothing else. */
function rulesOfTemplate(): string[] {
  const template = readFileSync(join(import.meta.dirname, "../../deploy/users.acl.template"), "utf8");
  const rules = /^user yonexus (.*)$/mu.exec(template)?.[1] ?? "";
  return rules.replace("#@PASSWORD_SHA256@", `>${PASSWORD}`).replaceAll("@PREFIX@", PREFIX).split(" ");
}

/** What Redis denied so far, whoever heard of it: `command reason user`. */
async function denied(): Promise<unknown> {
  return server.command("ACL", "LOG", "100");
}

beforeAll(async () => {
  await buildConsolePage();
  server = await startRedis({ persistent: false });
  await server.command("ACL", "SETUSER", "yonexus", "reset", ...rulesOfTemplate());
  discord = await startDiscordRecorder();
  cluster = await TestCluster.open(server.url.replace("://", `://yonexus:${PASSWORD}@`), {
    YONEXUS_KEY_PREFIX: PREFIX,
    YONEXUS_NOTIFY_BOT_TOKEN: "token-of-tests",
    YONEXUS_ADMIN_USER_ID: ADMIN,
    YONEXUS_DISCORD_API_URL: discord.url,
    YONEXUS_FOLLOWER_IDENTIFIERS: "configured",
  });
  app = new DiscordApp(() => cluster.stores.now());
  const [port = 0] = await freePorts(1);
  origin = `http://127.0.0.1:${port}`;
  node = await cluster.startNode({ YONEXUS_ADMIN_PORT: "0" });
  coordinator = await cluster.startCoordinator({
    YONEXUS_ADMIN_PORT: String(port),
    YONEXUS_CONSOLE_URL: origin,
    YONEXUS_DISCORD_PUBLIC_KEY: app.publicKey,
  });
});
afterAll(async () => {
  cli.remove();
  await cluster.stop();
  await discord.stop();
  await server.stop();
});

const run = (args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  cli.run(args, { env: { ...cluster.env, ...env } });

/** Runs a command, which must do what it is asked. */
async function succeed(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const { exitCode, stdout, stderr } = await run(args, env);
  expect({ args, exitCode, stderr: exitCode === 0 ? "" : stderr }).toEqual({ args, exitCode: 0, stderr: "" });
  return stdout;
}

/** A follower that waits to be let in. */
async function waiting(identifier: string) {
  const identity = await cluster.newFollower(identifier);
  const follower = await cluster.connect(node);
  follower.hello(identity);
  const { fingerprint } = identity;
  const pairing = await waitFor(`the pairing of ${identifier}`, () =>
    cluster.stores.pairings.find(identifier, fingerprint),
  );
  return { identity, follower, pairing };
}

describe("the Redis user of the deployment may do all that a cluster does:", { timeout: 3 * PATIENCE_MS }, () => {
  afterEach(async () => {
    // Each test tells of its own.
    expect(await denied()).toEqual([]);
  });

  it("what a coordinator tells Prometheus of the whole cluster", async () => {
    const metrics = async () => (await fetch(`${origin}/metrics`)).text();
    await waitFor(
      "the cluster's metrics",
      async () => (await metrics()).includes("yonexus_cluster_nodes"),
      PATIENCE_MS,
    );
    expect(await metrics()).toMatch(/^yonexus_cluster_nodes\{state="live"\} 1$/mu);
  });

  it("pairing by code, by command and by button, and refusing", async () => {
    const byCode = await waiting("by-code");
    await waitFor("the notice", () => discord.codes().has("by-code"), PATIENCE_MS);
    byCode.follower.sendBuiltin("pair_confirm", {
      identifier: "by-code",
      pairingCode: discord.codes().get("by-code") ?? "",
      timestamp: Math.floor(Date.now() / 1000),
    });
    await byCode.follower.next("pair_success");

    const byCommand = await waiting("by-command");
    await succeed(["pairings"]);
    await succeed(["approve", byCommand.pairing.pairingId]);
    await byCommand.follower.next("pair_success");

    const byButton = await waiting("by-button");
    const buttons = await waitFor(
      "the buttons",
      () => (discord.buttons("by-button").size === 2 ? discord.buttons("by-button") : undefined),
      PATIENCE_MS,
    );
    await app.send(origin, { body: app.press(buttons.get("Approve") ?? "", ADMIN) });
    await byButton.follower.next("pair_success");

    const refused = await waiting("refused");
    await succeed(["deny", refused.pairing.pairingId]);
    await refused.follower.next("pair_failed");
  });

  it("messages, live and queued, in both directions, and what nobody could handle", async () => {
    const alpha = await cluster.pairedFollower("alpha");
    const session = await cluster.logIn(node, alpha);
    await succeed(["send", "alpha", "chat::now"]);
    await succeed(["send", "alpha", "chat::kept", "--queue", "--id", "kept-1"]);
    await succeed(["message", "kept-1", "--follower", "alpha"]);

    const heard: string[] = [];
    await cluster.holdRule({ rule: "ping", maxTries: 5, handler: ({ content }) => void heard.push(content) });
    await cluster.holdRule({
      rule: "broken",
      maxTries: 1,
      handler: () => {
        throw new Error("as a test wants it");
      },
    });
    session.send("ping::hello");
    session.send("broken::hello");
    await waitFor("the message to be handled", () => heard.includes("hello"), PATIENCE_MS);
    const { deadLetters } = cluster.stores.keys.rule("broken");
    await waitFor("the dead letter", async () => (await cluster.stores.redis.xlen(deadLetters)) === 1, PATIENCE_MS);
    await cluster.stores.trust.allow(["late"]);
    const queue = new MessageQueue(cluster.stores.redis, cluster.stores.keys);
    const item = { identifier: "late", messageId: "l-1", isOwnId: true, frame: "chat::late", ttlMs: 1, senderId: "" };
    await queue.enqueue(item, { maxMessages: 10, maxBytes: 10_000 });
    await waitFor(
      "the sweep to find it expired",
      async () => (await cluster.stores.redis.xlen(cluster.stores.keys.follower("late").deadLetters)) === 1,
      PATIENCE_MS,
    );
    await succeed(["dead-letters", "list", "--content"]);
    await succeed(["dead-letters", "retry", "--follower", "late", "--all"]);
    await succeed(["dead-letters", "drop", "--rule", "broken", "--all"]);
    const listening = cli.start(["listen", "orders", "--reply", "thanks"], { env: cluster.env });
    await listening.says("Listening to orders");
    session.send("orders::one");
    await listening.says("alpha  one");
    listening.signal("SIGINT");
    await listening.ended;
    await session.close();
  });

  it("the allowlist by hand and by configurations, of which there may be more than are kept", async () => {
    await succeed(["allow", "add", "by-hand"]);
    for (let index = 0; index < 258; index += 1)
      await cluster.stores.trust.applyConfigured(["shared"], `gateway:${index}`);
    await cluster.stores.trust.renewSource("gateway:257");
    await succeed(["allow", "list"]);
    await succeed(["allow", "sources"]);
    await succeed(["allow", "forget-source", "gateway:257"]);
    await succeed(["allow", "remove", "by-hand"]);
    expect(await cluster.stores.trust.lapsedSources(10)).toEqual([]);
  });

  it("what the operator looks at", async () => {
    await cluster.pairedFollower("seen");
    await succeed(["clients"]);
    await succeed(["client", "show", "seen"]);
    await succeed(["events", "--follower", "seen"]);
    await succeed(["top", "--once"]);
    const { stdout } = await run(["doctor", "--json"]);
    expect(stdout).not.toMatch(/NOPERM|does not allow/u);
    const following = cli.start(["events", "--follow"], { env: cluster.env });
    await following.says("Watching all followers");
    await cluster.logIn(node, await cluster.pairedFollower("new-one"));
    await following.says("new-one");
    following.signal("SIGINT");
    await following.ended;
  });

  it("every view of the console, and signing in and out", async () => {
    const { pairing } = await waiting("shown");
    const { stdout } = await run(["console", "--json"]);
    const link = new URL((JSON.parse(stdout) as { url: string }).url).hash.replace("#sign-in=", "");
    const post = (path: string, body: object, headers = {}) =>
      fetch(`${origin}/console/api/${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", origin, ...headers },
        body: JSON.stringify(body),
      });
    const answer = await post("sign-in", { link });
    const [cookie = ""] = (answer.headers.get("set-cookie") ?? "").split(";");
    const { csrf } = (await answer.json()) as SessionInfo;
    const socket = new WebSocket(`${origin.replace("http", "ws")}/console/live`, { headers: { cookie, origin } });
    const messages: LiveMessage[] = [];
    socket.on("message", (data) => messages.push(JSON.parse(String(data)) as LiveMessage));
    await once(socket, "open");
    const requests: ViewRequest[] = [
      { view: "overview" },
      { view: "followers", prefix: "", after: "", status: "online" },
      { view: "follower", identifier: "shown" },
      { view: "pairings" },
      { view: "feed" },
    ];
    for (const [index, request] of requests.entries()) {
      socket.send(JSON.stringify({ watch: index, request }));
      await waitFor(
        `the view ${request.view}`,
        () => messages.some((message) => message.type === "whole" && message.watch === index),
        PATIENCE_MS,
      );
    }
    expect(messages.filter((message) => message.type === "tick" && message.trouble !== undefined)).toEqual([]);
    const { identifier, fingerprint, pairingId } = pairing;
    const decision = { decision: "approve", identifier, fingerprint, pairingId };
    const headers = { cookie, "x-yonexus-csrf": csrf };
    expect(await (await post("decide", decision, headers)).json()).toMatchObject({ outcome: "approved" });
    expect(await new ConsoleAccess(cluster.stores.redis, cluster.stores.keys).audit(5)).not.toEqual([]);
    await post("sign-out", {}, headers);
    socket.terminate();
    await succeed(["console", "--sign-out-all"]);
  });

  it("sealing all anew, carrying trust elsewhere and back, and taking it away", async () => {
    await cluster.pairedFollower("gamma");
    const { writeFileSync } = await import("node:fs");
    const passphrase = join(cli.folder, "passphrase");
    writeFileSync(passphrase, "correct horse battery staple\n");
    const file = join(cli.folder, "trust.json");
    await succeed(["trust", "export", "--out", file], { YONEXUS_PASSPHRASE_FILE: passphrase });
    await succeed(["repair", "gamma"]);
    await succeed(["trust", "import", file, "--replace"], { YONEXUS_PASSPHRASE_FILE: passphrase });
    await succeed(["revoke", "gamma"]);
    await succeed(["keys", "status"]);
    await node.stop();
    await coordinator.stop();
    const keys = { YONEXUS_MASTER_KEY: "", YONEXUS_MASTER_KEYS: [NEW_KEY, MASTER_KEY].map(asText).join(",") };
    await succeed(["keys", "rotate"], keys);
  });
});

describe("the user itself", () => {
  it("is denied what is of another prefix, and Redis keeps note of that", async () => {
    const stranger = new FollowerIdentity("stranger");
    await expect(cluster.stores.redis.set(`elsewhere:${stranger.identifier}`, "1")).rejects.toThrow("NOPERM");
    expect(JSON.stringify(await denied())).toContain("elsewhere");
    await server.command("ACL", "LOG", "RESET");
  });
});

describe("what the user may not do", { timeout: 2 * PATIENCE_MS }, () => {
  it.each([
    ["cluster metrics", "zrandmember"],
    ["console", "pubsub"],
  ])("is told once, at warn, as the work of %s: %s", async (source, command) => {
    await server.command("ACL", "SETUSER", "yonexus", "reset", ...rulesOfTemplate(), `-${command}`);
    const [port = 0] = await freePorts(1);
    // Whom the console asks after.
    const shown = await cluster.startNode();
    const { log, stop } = await cluster.startCoordinator({
      YONEXUS_LOG_LEVEL: "info",
      YONEXUS_ADMIN_PORT: String(port),
      YONEXUS_CONSOLE_URL: `http://127.0.0.1:${port}`,
    });
    const told = () =>
      log
        .map((line) => JSON.parse(line) as Record<string, unknown>)
        .filter(({ event }) => event === "redis_work_failed");
    await waitFor("the refusal to be logged", () => told().length > 0, PATIENCE_MS);
    await stop();
    await shown.stop();
    expect(told()).toMatchObject([{ level: 40, source, error: expect.stringMatching(new RegExp(command, "u")) }]);
  });
});
