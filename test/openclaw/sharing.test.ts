import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { OpenclawGateway } from "../support/openclawGateway.ts";
import { OpenclawProfile } from "../support/openclawGatewayProfile.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { TestCluster } from "../support/testCluster.ts";
import { waitFor } from "../support/waitFor.ts";
import { EXAMPLE, installer, PLUGIN_ID } from "./installation.ts";

// Two gateways that run the same plugins, as replicas do.
let slowExample: string;
let redis: RedisServer;
let cluster: TestCluster;
const gateways: OpenclawGateway[] = [];
const profiles: OpenclawProfile[] = [];
/** What each profile had before the plugin was installed. */
const before: ReturnType<typeof contents>[] = [];

beforeAll(async () => {
  slowExample = slowCopy();
  redis = await startRedis();
  cluster = await TestCluster.open(redis.url, {
    // All of them come at once, from one address.
    YONEXUS_MAX_UNAUTHENTICATED_PER_ADDRESS: "1000",
    YONEXUS_INBOUND_BURST: "100000",
    YONEXUS_INBOUND_RATE_PER_SECOND: "10000",
  });
  const settings = { redisUrl: redis.url, keyPrefix: cluster.env.YONEXUS_KEY_PREFIX };
  for (let replica = 0; replica < 2; replica++) {
    const profile = new OpenclawProfile({
      plugins: [slowExample],
      config: { plugins: { entries: { [PLUGIN_ID]: { config: settings } } } },
    });
    profiles.push(profile);
    before.push(contents(profile));
    expect(await installer("--install", "--openclaw-profile-path", profile.folder)).toMatchObject({ code: 0 });
    gateways.push(await OpenclawGateway.start({ profile }));
  }
});

afterAll(async () => {
  for (const gateway of gateways) await gateway.remove();
  for (const profile of profiles) profile.remove();
  await cluster?.stop();
  await redis?.stop();
  rmSync(slowExample, { recursive: true, force: true });
});

/** The settings to the byte, the extensions, and whatever is called after the plugin. */
function contents({ folder, configFile }: OpenclawProfile) {
  return {
    settings: readFileSync(configFile, "utf8"),
    extensions: readdirSync(join(folder, "extensions")).sort(),
    named: readdirSync(folder).filter((name) => name.includes("yonexus")),
  };
}

/** The example plugin, whose handler takes a while: so there is something in its hands at any time. */
function slowCopy(): string {
  const folder = mkdtempSync(join(tmpdir(), "slow-"));
  cpSync(EXAMPLE, folder, { recursive: true });
  const file = join(folder, "index.js");
  const handler = "({ identifier, content }) =>";
  const text = readFileSync(file, "utf8");
  if (!text.includes(handler)) throw new Error("The example's handler was rewritten: rewrite this too.");
  writeFileSync(
    file,
    text.replace(
      handler,
      `async ({ identifier, content }) => (await new Promise((go) => setTimeout(go, ${HANDLER_MS}))) ??`,
    ),
  );
  return folder;
}

const HANDLER_MS = 150;

/** More than the two replicas handle at once. */
const FOLLOWERS = 40;
const EACH = 30;

it("two gateways share a rule, and one that is killed mid-stream takes no message and no answer with it", async () => {
  const node = await cluster.startNode();
  const { keys, redis: commands, rules } = cluster.stores;
  await waitFor("both to hold the rule", async () => (await rules.list())[0]?.replicas.length === 2, 30_000);
  const identities = await Promise.all(
    Array.from({ length: FOLLOWERS }, (_, index) => cluster.pairedFollower(`f${index}`)),
  );
  const followers = await Promise.all(
    identities.map((identity) => cluster.logIn(node, identity, { capabilities: ["ack"] })),
  );
  for (const follower of followers) {
    follower.when("message", () => {
      const last = follower.queued.at(-1);
      if (last !== undefined) follower.ack(last.id);
    });
  }
  // The example welcomes each follower too, which may come in between.
  const answersOf = ({ queued }: (typeof followers)[number]) => queued.filter(({ rule }) => rule === "ping");
  const answers = () => followers.reduce((sum, follower) => sum + answersOf(follower).length, 0);

  for (let n = 0; n < EACH; n++) for (const follower of followers) follower.message(`m${n}`, "ping", String(n));
  const owners = async () =>
    new Set((await commands.hvals(keys.rule("ping").lanes)).map((lane) => lane.split(" ")[0])).size;
  await waitFor("both to be at the stream", async () => answers() > FOLLOWERS && (await owners()) === 2);
  const [victim] = gateways;
  await victim?.kill();
  // What it was at is nobody else's yet: its lanes are still its own.
  expect(await owners()).toBe(2);
  await waitFor("every message to be answered", async () => answers() >= FOLLOWERS * EACH, 60_000);

  for (const [index, follower] of followers.entries()) {
    // Each once, and in the order in which they were sent.
    expect(answersOf(follower).map(({ content }) => content)).toEqual(
      Array.from({ length: EACH }, (_, n) => `pong ${n}, f${index}`),
    );
  }
  expect((await rules.list())[0]).toMatchObject({ deadLetters: 0, replicas: { length: 1 } });
});

it("a profile whose gateway ran the plugin is as it was when the plugin is uninstalled, byte for byte", async () => {
  for (const gateway of gateways) await gateway.stop();
  for (const [index, profile] of profiles.entries()) {
    expect(await installer("--uninstall", "--purge", "--openclaw-profile-path", profile.folder)).toMatchObject({
      code: 0,
    });
    expect(contents(profile)).toEqual(before[index]);
  }
});
