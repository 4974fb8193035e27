import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { DiscordApp } from "../support/discordApp.ts";
import { type DiscordRecorder, startDiscordRecorder } from "../support/discordRecorder.ts";
import type { FollowerIdentity, RawFollower } from "../support/rawFollower.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { auditEvents } from "../support/stores.ts";
import { TestCluster, type TestCoordinator } from "../support/testCluster.ts";
import type { TestNode } from "../support/testNode.ts";
import { waitFor } from "../support/waitFor.ts";

const ADMIN = "123456789012345678";
const STRANGER = "999999999999999999";

let redis: RedisServer;
let discord: DiscordRecorder;
let cluster: TestCluster;
let app: DiscordApp;
let node: TestNode;
let coordinator: TestCoordinator;
let url: string;
beforeAll(async () => {
  redis = await startRedis({ persistent: false });
});
afterAll(() => redis.stop());
beforeEach(async () => {
  discord = await startDiscordRecorder();
  cluster = await TestCluster.open(redis.url, {
    YONEXUS_NOTIFY_BOT_TOKEN: "token-of-tests",
    YONEXUS_ADMIN_USER_ID: ADMIN,
    YONEXUS_DISCORD_API_URL: discord.url,
  });
  app = new DiscordApp(() => cluster.stores.now());
  node = await cluster.startNode();
  coordinator = await startCoordinator();
  url = coordinator.adminUrl ?? "";
});
afterEach(async () => {
  await cluster.stop();
  await discord.stop();
});

const startCoordinator = () =>
  cluster.startCoordinator({ YONEXUS_ADMIN_PORT: "0", YONEXUS_DISCORD_PUBLIC_KEY: app.publicKey });

interface Waiting {
  readonly follower: RawFollower;
  readonly identity: FollowerIdentity;
  readonly approve: string;
  readonly deny: string;
  readonly code: string;
}

/** A follower that waits, and the buttons that the admin has before them. */
async function waiting(identifier: string): Promise<Waiting> {
  const identity = await cluster.newFollower(identifier);
  const follower = await cluster.connect(node);
  follower.hello(identity);
  await waitFor("the notice to be posted", () => discord.buttons(identifier).size === 2, 30_000);
  const buttons = discord.buttons(identifier);
  return {
    ...{ follower, identity },
    approve: buttons.get("Approve") ?? "",
    deny: buttons.get("Deny") ?? "",
    code: discord.codes().get(identifier) ?? "",
  };
}

const trustOf = async (identifier: string) => (await cluster.stores.trust.lookup(identifier, undefined)).trust;
const contentOf = (answer: Awaited<ReturnType<DiscordApp["send"]>>) => String(answer.json?.data?.content);

describe("the buttons under a pairing's notice", () => {
  it("let the follower in at once, and the message says who decided what, without the code and without buttons", async () => {
    const { follower, identity, approve, code } = await waiting("alpha");
    expect(approve).not.toContain(code);
    const answer = await app.send(url, { body: app.press(approve, ADMIN) });
    expect(answer).toMatchObject({
      status: 200,
      json: { type: 7, data: { components: [], allowed_mentions: { parse: [] } } },
    });
    expect(answer.headers.get("content-type")).toBe("application/json");
    const lines = contentOf(answer).split("\n");
    expect(lines.slice(0, 4)).toEqual([
      "**A follower was let in**",
      "Follower: `alpha`",
      `Key fingerprint: \`${identity.fingerprint}\``,
      "From: `127.0.0.1`",
    ]);
    expect(lines[4]).toContain(`Approve was pressed by <@${ADMIN}>. It gets its secret at once`);
    expect(answer.text).not.toContain(code);

    identity.secret = (await follower.next("pair_success")).payload.secret;
    follower.sendBuiltin("auth_request", identity.prove());
    await follower.next("auth_success");
    const [, paired] = await cluster.stores.directory.audit("alpha", 10);
    expect(paired).toMatchObject({ event: "paired", details: { by: `discord:${ADMIN}` } });
  });

  it("refuse the follower, which is told so", async () => {
    const { follower, deny } = await waiting("alpha");
    const answer = await app.send(url, { body: app.press(deny, ADMIN) });
    expect(contentOf(answer)).toMatch(
      /^\*\*A follower was refused\*\*\n.*Deny was pressed by <@\d+>\. It was told so/su,
    );
    expect((await follower.next("pair_failed")).payload.reason).toBe("rejected_by_admin");
    expect((await follower.closed()).code).toBe(4503);
  });

  it("work at another coordinator than sent the notice, one time: the second press reads that it was approved before", async () => {
    const { follower, approve, deny } = await waiting("alpha");
    const other = (await startCoordinator()).adminUrl ?? "";
    const answers = await Promise.all([
      app.send(other, { body: app.press(approve, ADMIN) }),
      app.send(url, { body: app.press(approve, ADMIN) }),
    ]);
    const sentences = answers.map(contentOf).toSorted();
    expect(sentences.filter((text) => text.includes("It gets its secret at once"))).toHaveLength(1);
    expect(sentences.filter((text) => text.includes("Somebody had approved it before."))).toHaveLength(1);
    await follower.next("pair_success");
    const late = await app.send(other, { body: app.press(deny, ADMIN) });
    expect(contentOf(late)).toContain("**Nothing was changed**");
    expect(contentOf(late)).toContain("`yonexus revoke alpha`");
    expect(await trustOf("alpha")).toBeDefined();
  });

  it("of a pairing that expired, was replaced, or whose follower is not allowed any more change nothing, and say so", async () => {
    const { identity, follower, approve } = await waiting("alpha");
    const record = cluster.stores.keys.pairing("alpha", identity.fingerprint);
    await cluster.stores.redis.hset(record, "expiresAt", 1);
    const expired = await app.send(url, { body: app.press(approve, ADMIN) });
    expect(contentOf(expired)).toMatch(/\*\*Nothing was changed\*\*.*The pairing is over: it expired/su);

    follower.terminate();
    await cluster.stores.redis.del(record);
    const again = await cluster.connect(node);
    again.hello(identity);
    await waitFor("a new pairing", () => cluster.stores.pairings.find("alpha", identity.fingerprint));
    const replaced = await app.send(url, { body: app.press(approve, ADMIN) });
    expect(contentOf(replaced)).toContain("that is another pairing: look for its own notice");

    await waitFor("the new notice", () => discord.buttons("alpha").get("Approve") !== approve, 30_000);
    await cluster.stores.redis.hset(cluster.stores.keys.follower("alpha").trust, "allowed", 0);
    const newer = discord.buttons("alpha").get("Approve") ?? "";
    const banned = await app.send(url, { body: app.press(newer, ADMIN) });
    expect(contentOf(banned)).toContain("`yonexus allow add alpha`");
    for (const answer of [expired, replaced, banned]) expect(answer.json).toMatchObject({ type: 7 });
    expect(await trustOf("alpha")).toBeUndefined();
    expect((await auditEvents(cluster.stores, "alpha")).filter((event) => event === "approval_refused")).toHaveLength(
      3,
    );
  });

  it("are for the admin alone: somebody else is told so where only they see it, and nothing is changed", async () => {
    const { identity, approve, deny } = await waiting("alpha");
    for (const body of [
      app.press(approve, STRANGER),
      app.press(deny, STRANGER),
      app.press(approve, "", { user: undefined, member: { user: { id: STRANGER } } }),
    ]) {
      const answer = await app.send(url, { body });
      expect(answer).toMatchObject({ status: 200, json: { type: 4, data: { flags: 64 } } });
      expect(contentOf(answer)).toBe("Only the operator of this cluster may decide that. Nothing was changed.");
    }
    // Who tried is written down, and not again and again.
    const tried = (await cluster.stores.directory.audit("alpha", 10)).filter(({ details }) => details.reason);
    expect(tried.map(({ event, details }) => [event, details.reason, details.by]).toReversed()).toEqual([
      ["approval_refused", "not_the_operator", `discord:${STRANGER}`],
      ["denial_refused", "not_the_operator", `discord:${STRANGER}`],
    ]);
    expect(await cluster.stores.pairings.find("alpha", identity.fingerprint)).not.toHaveProperty("approvedAt");
    // On a server, the admin is a member.
    const body = app.press(approve, "", { user: undefined, member: { user: { id: ADMIN } } });
    expect((await app.send(url, { body })).json).toMatchObject({ type: 7 });
  });

  it("that are not ours, and what is no press, are answered kindly", async () => {
    const unknown = await app.send(url, { body: app.press("of-another-program", ADMIN) });
    expect(unknown).toMatchObject({ status: 200, json: { type: 4, data: { flags: 64 } } });
    expect(contentOf(unknown)).toContain("This button is not known here");
    const command = await app.send(url, { body: app.press("x", ADMIN, { type: 2 }) });
    expect(contentOf(command)).toContain("There is nothing here but the buttons");
    expect(await app.send(url, { body: "not json" })).toMatchObject({ status: 400 });
    expect(await app.send(url, { body: { type: 3 } })).toMatchObject({ status: 400 });
  });
});

describe("the endpoint", () => {
  it("answers Discord's PING, as Discord checks it before it takes the URL", async () => {
    const answer = await app.send(url, { body: app.ping() });
    expect(answer).toMatchObject({ status: 200, json: { type: 1 } });
    const wrong = await app.send(url, { body: app.ping(), signature: "00".repeat(64) });
    expect(wrong).toMatchObject({ status: 401, text: "The signature does not hold.\n" });
  });

  it("refuses with 401 what is not signed by Discord over exactly this time and body, and changes nothing", async () => {
    const { approve } = await waiting("alpha");
    const body = app.press(approve, ADMIN);
    const stranger = new DiscordApp(() => cluster.stores.now());
    const now = String(Math.floor((await cluster.stores.now()) / 1000));
    const refused = [
      await stranger.send(url, { body }),
      await app.send(url, { body, sent: JSON.stringify(app.press(approve, ADMIN)) }),
      await app.send(url, { body, signature: "zz".repeat(64) }),
      await app.send(url, { body, signature: "" }),
      await app.post(url, JSON.stringify(body), {}),
      await app.post(url, JSON.stringify(body), { "x-signature-timestamp": now }),
      await app.send(url, { body, timestamp: `${now}.5` }),
      await app.send(url, { body, timestamp: `-${now}` }),
    ];
    expect(refused.map(({ status, text }) => [status, text])).toEqual(
      refused.map(() => [401, "The signature does not hold.\n"]),
    );
    expect(await trustOf("alpha")).toBeUndefined();
    expect(await auditEvents(cluster.stores, "alpha")).toEqual(["allowed", "pairing_opened"]);
    // A forged one uses nothing up: the real one still counts.
    expect((await app.send(url, { body })).json).toMatchObject({ type: 7 });
  });

  it("refuses with 401 what was signed more than 5 s ago, or ahead, by the clock of Redis", async () => {
    const { approve } = await waiting("alpha");
    // Time that passes until it is heard makes the one that is ahead fresher: it is ahead by more.
    for (const seconds of [-7, 12, -3_600]) {
      const timestamp = String(Math.floor((await cluster.stores.now()) / 1000) + seconds);
      const answer = await app.send(url, { body: app.press(approve, ADMIN), timestamp });
      expect(answer).toMatchObject({ status: 401, text: "The request is not of now.\n" });
    }
    expect(await auditEvents(cluster.stores, "alpha")).toEqual(["allowed", "pairing_opened"]);
    expect(coordinator.log.join("")).toContain("keep the clock of Redis in step (NTP)");
  });

  it("refuses with 401 what it, or another coordinator, has heard before", async () => {
    const { deny } = await waiting("alpha");
    const other = (await startCoordinator()).adminUrl ?? "";
    const body = app.press(deny, STRANGER);
    expect((await app.send(url, { body })).status).toBe(200);
    for (const at of [url, other]) {
      expect(await app.send(at, { body })).toMatchObject({ status: 401, text: "The request was heard before.\n" });
    }
    // Of twenty at once one is heard.
    const raced = app.press(deny, ADMIN);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => app.send(index % 2 === 0 ? url : other, { body: raced })),
    );
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, ...Array(19).fill(401)]);
  });

  it("reads no more of a body than Discord sends, and answers nothing but a POST", async () => {
    const answer = await app.send(url, { body: { padding: "x".repeat(70_000) } });
    expect(answer.status).toBe(413);
    expect((await fetch(`${url}/discord/interactions`)).status).toBe(405);
  });

  it("answers within Discord's patience while Redis is silent, and a second press does no harm", async () => {
    const own = await startRedis({ persistent: false });
    const away = await TestCluster.open(own.url, {
      YONEXUS_NOTIFY_BOT_TOKEN: "token-of-tests",
      YONEXUS_ADMIN_USER_ID: ADMIN,
      YONEXUS_DISCORD_API_URL: discord.url,
    });
    const { adminUrl = "" } = await away.startCoordinator({
      YONEXUS_ADMIN_PORT: "0",
      YONEXUS_DISCORD_PUBLIC_KEY: app.publicKey,
    });
    await own.pause();
    const answer = await app.send(adminUrl, { body: app.press("x", ADMIN) });
    const ping = await app.send(adminUrl, { body: app.ping() });
    await own.resume();
    expect(answer).toMatchObject({ status: 200, json: { type: 4, data: { flags: 64 } } });
    expect(contentOf(answer)).toContain("Press again: twice does no harm.");
    expect(ping.status).toBe(503);
    await away.stop();
    await own.stop();
  });

  it("is not there without the application's public key, and then the notices have no buttons", async () => {
    await coordinator.stop();
    const plain = await cluster.startCoordinator({ YONEXUS_ADMIN_PORT: "0" });
    const identity = await cluster.newFollower("beta");
    const follower = await cluster.connect(node);
    follower.hello(identity);
    await waitFor("the notice", () => discord.codes().get("beta"), 30_000);
    expect(discord.buttons("beta").size).toBe(0);
    expect((await app.send(plain.adminUrl ?? "", { body: app.ping() })).status).toBe(404);
  });
});
