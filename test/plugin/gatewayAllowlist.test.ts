import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { GatewayAllowlist } from "../../plugin/core/gatewayAllowlist.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { openStores, type Stores } from "../support/stores.ts";
import { waitFor } from "../support/waitFor.ts";

const SOURCE = "gateway:one";
const silent = { info: () => {}, warn: () => {}, error: () => {} };
let server: RedisServer;
let stores: Stores;

beforeAll(async () => {
  server = await startRedis();
});
beforeEach(async () => {
  stores = await openStores(server.url);
  return () => stores.close();
});
afterAll(async () => server.stop());

async function renewedAt(): Promise<number | undefined> {
  return (await stores.trust.sources()).find(({ source }) => source === SOURCE)?.renewedAt;
}

async function kept(identifiers: readonly string[] | undefined): Promise<GatewayAllowlist> {
  const allowlist = new GatewayAllowlist(stores.trust, identifiers, SOURCE, silent);
  await allowlist.apply();
  allowlist.keep(5);
  return allowlist;
}

it("a gateway that runs keeps its configuration in use", async () => {
  const allowlist = await kept(["alpha"]);
  const applied = await renewedAt();
  await waitFor("it to be renewed", async () => ((await renewedAt()) ?? 0) > (applied ?? 0));
  allowlist.stop();
});

it("a configuration that was dropped while its gateway runs lets its followers in again", async () => {
  const allowlist = await kept(["alpha"]);
  try {
    expect(await stores.trust.forgetSource(SOURCE)).toMatchObject({ known: true });
    await waitFor("alpha to be allowed", async () => (await stores.trust.lookup("alpha", undefined)).allowed);
    expect(await renewedAt()).toBeDefined();
  } finally {
    allowlist.stop();
  }
});

it("a gateway whose setting was removed leaves in whom it had let in, for as long as it runs", async () => {
  (await kept(["alpha"])).stop();
  const allowlist = await kept(undefined);
  try {
    await stores.redis.zincrby(stores.keys.followerSources, -86_400_000, SOURCE);
    const aged = (await renewedAt()) ?? 0;
    await waitFor("it to be renewed", async () => ((await renewedAt()) ?? 0) > aged);
    expect((await stores.trust.lookup("alpha", undefined)).allowed).toBe(true);
  } finally {
    allowlist.stop();
  }
});

it("a gateway that never named anybody is no configuration of the cluster", async () => {
  let renewals = 0;
  const counted = {
    applyConfigured: stores.trust.applyConfigured.bind(stores.trust),
    renewSource: async (source: string) => {
      const isThere = await stores.trust.renewSource(source);
      renewals += 1;
      return isThere;
    },
  };
  const allowlist = new GatewayAllowlist(counted, undefined, SOURCE, silent);
  await allowlist.apply();
  allowlist.keep(5);
  await waitFor("it to be renewed again", () => renewals >= 3);
  allowlist.stop();
  expect(await stores.trust.sources()).toEqual([]);
});
