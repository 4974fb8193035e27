import { afterAll, beforeAll, expect, it } from "vitest";
import { OpenclawGateway } from "../support/openclawGateway.ts";
import { OpenclawProfile } from "../support/openclawGatewayProfile.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { TestCluster } from "../support/testCluster.ts";
import { waitFor } from "../support/waitFor.ts";
import { EXAMPLE, installer, PLUGIN_ID } from "./installation.ts";

// Two gateways that run the same plugins, as replicas do.
let redis: RedisServer;
let cluster: TestCluster;
const gateways: OpenclawGateway[] = [];
const profiles: OpenclawProfile[] = [];

beforeAll(async () => {
  redis = await startRedis();
  cluster = await TestCluster.open(redis.url);
  const settings = { redisUrl: redis.url, keyPrefix: cluster.env.YONEXUS_KEY_PREFIX };
  for (let replica = 0; replica < 2; replica++) {
    const profile = new OpenclawProfile({
      plugins: [EXAMPLE],
      config: { plugins: { entries: { [PLUGIN_ID]: { config: settings } } } },
    });
    profiles.push(profile);
    expect(await installer("--install", "--openclaw-profile-path", profile.folder)).toMatchObject({ code: 0 });
    gateways.push(await OpenclawGateway.start({ profile }));
  }
});

afterAll(async () => {
  for (const gateway of gateways) await gateway.remove();
  for (const profile of profiles) profile.remove();
  await cluster?.stop();
  await redis?.stop();
});

const FOLLOWERS = 4;
const EACH = 100;

it("two gateways share a rule, and one that is killed mid-stream takes no message and no answer with it", async () => {
  const node = await cluster.startNode();
  await waitFor(
    "both to hold the rule",
    async () => (await cluster.stores.rules.list())[0]?.replicas.length === 2,
    30_000,
  );
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
  const answers = () => followers.reduce((sum, { queued }) => sum + queued.length, 0);

  // The first replica is killed while the stream runs: some are answered, some are in its hands, some are yet to come.
  const [victim] = gateways;
  for (let n = 0; n < EACH; n++) {
    for (const follower of followers) follower.message(`m${n}`, "ping", String(n));
    if (n === EACH / 2) {
      await waitFor("the stream to be under way", async () => answers() > 0);
      await victim?.kill();
    }
    await waitFor("the node to have room", async () =>
      followers.every(({ types }) => types.filter((type) => type === "message_ack").length > n - 20),
    );
  }
  await waitFor("every message to be answered", async () => answers() >= FOLLOWERS * EACH, 60_000);

  for (const [index, { queued }] of followers.entries()) {
    const contents = queued.map(({ content }) => content);
    // Each once, and in the order in which they were sent.
    expect(contents).toEqual(Array.from({ length: EACH }, (_, n) => `pong ${n}, f${index}`));
  }
  expect((await cluster.stores.rules.list())[0]).toMatchObject({ deadLetters: 0, replicas: { length: 1 } });
  expect(victim?.running).toBe(false);
});
