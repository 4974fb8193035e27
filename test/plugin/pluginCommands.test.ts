import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { slashCommand } from "../../plugin/commands/slashCommand.ts";
import { reachCluster, runningPlugin } from "../../plugin/core/container.ts";
import { examine } from "../../plugin/core/examination.ts";
import { getMessageState } from "../../plugin/tools/getMessageState.ts";
import { getPairingState } from "../../plugin/tools/getPairingState.ts";
import { listClientStatus } from "../../plugin/tools/listClientStatus.ts";
import { sendMessageToClient } from "../../plugin/tools/sendMessageToClient.ts";
import { FollowerIdentity } from "../support/rawFollower.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { TestCluster } from "../support/testCluster.ts";
import type { TestNode } from "../support/testNode.ts";
import { waitFor } from "../support/waitFor.ts";
import { PluginHost } from "./gatewayFixture.ts";

let server: RedisServer;
let cluster: TestCluster;
let node: TestNode;
let host: PluginHost;

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  cluster = await TestCluster.open(server.url);
  node = await cluster.startNode();
  host = new PluginHost();
  await host.start({ redisUrl: server.url, keyPrefix: cluster.env.YONEXUS_KEY_PREFIX });
  await host.connected();
});
afterEach(async () => {
  await host.stop();
  host.remove();
  await cluster.stop();
});

async function chat(args: string, isAuthorizedSender = true): Promise<string> {
  const rawConfig = { redisUrl: server.url, keyPrefix: cluster.env.YONEXUS_KEY_PREFIX };
  const command = slashCommand({
    registry: () => host.registry(),
    codesAt: () => "admin",
    examine: () =>
      examine({
        rawConfig: async () => rawConfig,
        cluster: () => reachCluster(2_500),
        runtime: runningPlugin,
        surface: "chat",
      }),
  });
  return (await command.handler({ args, isAuthorizedSender })).text;
}

const pairingOf = ({ identifier, fingerprint }: FollowerIdentity) =>
  waitFor(`the pairing of ${identifier}`, () => cluster.stores.pairings.find(identifier, fingerprint));

const call = async (tool: typeof listClientStatus, params: object = {}) =>
  (await tool(reachCluster).execute("1", params)).details;

describe("the operator's commands in a chat", () => {
  it("are for the operator alone: anybody else learns nothing and changes nothing", async () => {
    await cluster.pairedFollower("alpha");
    expect(await chat("revokeClient alpha", false)).toBe("Only the operator of this gateway may do that.");
    expect((await cluster.stores.directory.find("alpha"))?.paired).toBe(true);
  });

  it("list followers in a short table between fences, with ages, and say how to see more", async () => {
    await cluster.logIn(node, await cluster.pairedFollower("alpha"));
    await cluster.newFollower("beta");
    const text = await chat("listClients");
    expect(text.split("\n")).toEqual([
      "```",
      expect.stringMatching(/^follower +status +last seen +queued +paired$/),
      expect.stringMatching(/^alpha +online +(just now|\d+ s ago) +- +yes$/),
      expect.stringMatching(/^beta +offline +never +- +no$/),
      "```",
    ]);
    await cluster.stores.trust.allow(Array.from({ length: 40 }, (_, index) => `f${String(index).padStart(2, "0")}`));
    const page = await chat("listClients");
    expect(page).toContain("More: `/yonexus listClients f27`");
    expect(await chat("listClients f38")).toContain("f39");
  });

  it("show one follower, and of one that nobody knows say the next command", async () => {
    await cluster.logIn(node, await cluster.pairedFollower("alpha"));
    expect(await chat("showClient alpha")).toMatch(/status +online/);
    expect(await chat("showClient ghost")).toBe(
      "ghost is unknown, and nothing was changed: `/yonexus listClients` names those that are known, `/yonexus allowClient ghost` lets it in.",
    );
    expect(await chat("showClient")).toContain("Which follower? Write `/yonexus showClient alpha`");
    expect(await chat("showClient -x")).toContain("is no identifier: 1 to 64 letters");
    expect(await chat("showClient alpha beta")).toContain("showClient takes one identifier");
  });

  it("make a follower pair again, and say what that did to its live session", async () => {
    const alpha = await cluster.logIn(node, await cluster.pairedFollower("alpha"));
    expect(await chat("repair alpha")).toBe(
      `alpha must pair again. Its session on ${node.nodeId} was closed.\nNext: it asks for a new code as soon as it connects.`,
    );
    expect(await alpha.closed()).toMatchObject({ code: 4510 });
    expect(await cluster.stores.directory.find("alpha")).toMatchObject({ allowed: true, paired: false });
    expect(await chat("repair alpha")).toContain("It was not paired. It had no live session.");
  });

  it("shut a follower out, say who names it still, and let it in again", async () => {
    const alpha = await cluster.logIn(node, await cluster.pairedFollower("alpha"));
    await cluster.stores.trust.applyConfigured(["alpha"], "gateway:other");
    const text = await chat("revokeClient alpha");
    expect(text).toContain(`Its session on ${node.nodeId} was closed.`);
    expect(text).toContain(
      "alpha is named still by followerIdentifiers of the OpenClaw gateway whose gateway.id is other: it stays out all the same.",
    );
    expect(await alpha.closed()).toMatchObject({ code: 4510 });
    expect((await cluster.stores.directory.find("alpha"))?.allowed).toBe(false);
    expect(await chat("repair alpha")).toMatch(
      /\nIt is not on the allowlist, so it may not pair\. To let it in: `\/yonexus allowClient alpha`$/u,
    );
    expect(await chat("allowClient alpha")).toContain("alpha may pair now.");
    expect(await chat("allowClient alpha")).toContain("alpha was allowed already.");
  });

  it("name those that wait for a code, with the fingerprint to compare, and never the code", async () => {
    expect(await chat("listPairings")).toContain("Nobody waits for a code.");
    const identity = await cluster.newFollower("alpha");
    const alpha = await cluster.connect(node);
    alpha.hello(identity);
    await alpha.next("hello_ack");
    const { code } = await cluster.pairingCode(identity);
    const text = await chat("listPairings");
    expect(text).toContain(identity.fingerprint);
    expect(text).toMatch(/[45] min/);
    expect(text).not.toContain(code);
    const { pairingId } = await pairingOf(identity);
    expect(text).toContain(pairingId.slice(0, 8));
    expect(text).toContain(
      "`/yonexus approveClient ID` lets it in without the code; `/yonexus denyClient ID` refuses it.",
    );
    // The id is what an approval takes: it is the operator's.
    expect(JSON.stringify(await call(getPairingState))).not.toContain(pairingId);
    expect(JSON.stringify(await call(getPairingState))).not.toContain(code);
    expect(JSON.stringify(await call(getPairingState, { identifier: "alpha" }))).not.toContain(code);
  });

  it("let a follower in by its key, and refuse another one that uses its name", async () => {
    const identity = await cluster.newFollower("alpha");
    const alpha = await cluster.connect(node);
    alpha.hello(identity);
    const own = await pairingOf(identity);
    const strange = new FollowerIdentity("alpha");
    const stranger = await cluster.connect(node);
    stranger.hello(strange);
    const theirs = await pairingOf(strange);

    const several = await chat("approveClient alpha");
    expect(several).toContain("Several pairings of alpha wait, and nothing was changed");
    for (const each of [own, theirs]) expect(several).toContain(each.pairingId.slice(0, 8));
    expect(alpha.types).not.toContain("pair_success");

    expect(await chat(`deny ${theirs.pairingId.slice(0, 8)}`)).toMatch(
      /^alpha is refused, with the key .*`\/yonexus revokeClient alpha`/,
    );
    expect((await stranger.next("pair_failed")).payload.reason).toBe("rejected_by_admin");
    const named = await chat("approveClient alpha");
    expect(named).toContain("This key waits as alpha, and nothing was changed.");
    expect(named).toContain(`\`/yonexus approveClient ${own.pairingId.slice(0, 8)}\``);
    expect(named).toContain(identity.fingerprint);
    expect(alpha.types).not.toContain("pair_success");
    expect(await chat(`approve ${own.pairingId.slice(0, 8)}`)).toContain(
      `alpha is let in, with the key ${identity.fingerprint} from 127.0.0.1.`,
    );
    identity.secret = (await alpha.next("pair_success")).payload.secret;
    const paired = (await cluster.stores.directory.audit("alpha", 10)).find(({ event }) => event === "paired");
    expect(paired?.details.by).toBe("openclaw:chat");

    expect(await chat("approveClient alpha")).toBe(
      "No pairing with the id or of the follower alpha waits, and nothing was changed: `/yonexus listPairings` shows who does.",
    );
    expect(await chat("denyClient")).toContain("Which pairing? `/yonexus listPairings` shows their ids");
  });

  it("tell of an approval that came too late what became of it, and change nothing", async () => {
    const identity = await cluster.newFollower("alpha");
    const alpha = await cluster.connect(node);
    alpha.hello(identity);
    const { pairingId } = await pairingOf(identity);
    await cluster.stores.redis.hset(cluster.stores.keys.follower("alpha").trust, "allowed", 0);
    expect(await chat(`approveClient ${pairingId}`)).toBe(
      "alpha is not on the allowlist, so nothing was changed. Let it in with `/yonexus allowClient alpha`; then it pairs anew.",
    );
    expect((await cluster.stores.directory.find("alpha"))?.paired).toBe(false);
    expect(await chat("approveClient alpha", false)).toBe("Only the operator of this gateway may do that.");
  });

  it("look for what is wrong, each finding with its mend", async () => {
    const text = await chat("doctor");
    expect(text).toMatch(/ok +configuration +cluster mode/);
    expect(text).toMatch(/broken +coordinators +none is alive/);
    expect(text).toMatch(/ok +master key +[0-9a-f]{8} seals for all of 1\n/);
  });

  it("answer help, and a mistyped command with the one that was meant", async () => {
    expect(await chat("")).toContain("/yonexus listClients");
    expect(await chat("lstClients")).toContain("Did you mean /yonexus listClients?");
  });

  it("say why when Redis does not answer", async () => {
    const own = await startRedis();
    await host.reload({ redisUrl: own.url });
    await host.connected();
    await own.stop();
    expect(await chat("listClients")).toMatch(/Redis.*redisUrl in plugins\.entries/u);
  });
});

describe("the agent's tools", () => {
  it("say what became of a message: delivered, offline, queued, unknown, too large", async () => {
    const alpha = await cluster.logIn(node, await cluster.pairedFollower("alpha"), { capabilities: ["ack"] });
    await cluster.pairedFollower("beta");
    const send = (params: object) => call(sendMessageToClient, { rule: "chat", content: "hi", ...params });
    expect(await send({ identifier: "alpha" })).toMatchObject({ outcome: { result: "delivered", reached: "written" } });
    expect(await alpha.nextApplication()).toBe("chat::hi");
    expect(await send({ identifier: "beta" })).toMatchObject({
      outcome: { result: "offline", reason: "never_connected" },
    });
    expect(await send({ identifier: "ghost" })).toMatchObject({
      outcome: { result: "offline", reason: "unknown_identifier" },
    });
    expect(await send({ identifier: "beta", delivery: "queued", messageId: "k1" })).toMatchObject({
      outcome: { result: "queued" },
    });
    expect(await send({ identifier: "beta", delivery: "queued", messageId: "k1" })).toMatchObject({
      outcome: { duplicate: true },
    });
    expect(await call(getMessageState, { messageId: "k1" })).toMatchObject({
      outcome: { known: true, state: "queued" },
    });
    expect(await call(getMessageState, { messageId: "none" })).toMatchObject({ outcome: { known: false } });
    expect(await send({ identifier: "alpha", content: "x".repeat(70_000) })).toMatchObject({
      failure: { code: "INVALID_MESSAGE", message: expect.stringContaining("Split it.") },
    });
    expect(await send({ identifier: "alpha", rule: "builtin" })).toMatchObject({
      failure: { code: "INVALID_PARAMETERS" },
    });
    expect(await send({ identifier: "alpha", ttlSeconds: 5 })).toMatchObject({ failure: { code: "INVALID_MESSAGE" } });
  });

  it("list followers by page and by status, without addresses and keys", async () => {
    await cluster.logIn(node, await cluster.pairedFollower("alpha"));
    await cluster.newFollower("beta");
    const all = await call(listClientStatus, { limit: 1 });
    expect(all).toMatchObject({
      outcome: { followers: [{ identifier: "alpha", status: "online", paired: true }], next: "alpha" },
    });
    expect(await call(listClientStatus, { after: "alpha" })).toMatchObject({
      outcome: { followers: [{ identifier: "beta" }] },
    });
    expect(await call(listClientStatus, { status: "online" })).toMatchObject({ outcome: { followers: { length: 1 } } });
    expect(await call(listClientStatus, { identifier: "ghost" })).toMatchObject({
      outcome: { followers: [], unknown: "ghost" },
    });
    expect(JSON.stringify(await call(listClientStatus))).not.toMatch(/127\.0\.0\.1|fingerprint|publicKey/);
  });

  it("tell whether a follower is allowed and paired", async () => {
    await cluster.pairedFollower("alpha");
    expect(await call(getPairingState, { identifier: "alpha" })).toMatchObject({
      outcome: { known: true, allowed: true, paired: true },
    });
    expect(await call(getPairingState, { identifier: "ghost" })).toMatchObject({ outcome: { known: false } });
  });
});
