import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { claimEpoch, openStores, pairFollower, type Stores } from "../support/stores.ts";
import { waitFor } from "../support/waitFor.ts";
import { ageSource, lapseAndRetire } from "./allowlistLapse.ts";

let server: RedisServer;
let stores: Stores;
beforeAll(async () => {
  server = await startRedis({ persistent: false });
});
afterAll(() => server.stop());
beforeEach(async () => {
  stores = await openStores(server.url);
});
afterEach(() => stores.close());

const DAY_MS = 86_400_000;
const GATEWAY = "gateway:one";
const OTHER = "gateway:two";
const apply = (source: string, ...identifiers: string[]) => stores.trust.applyConfigured(identifiers, source);
const isAllowed = async (identifier: string) => (await stores.trust.lookup(identifier, undefined)).allowed;
const sources = async () => (await stores.trust.sources()).map(({ source }) => source);
/** All of the key space but what followers keep. */
const indexes = async () =>
  (await stores.redis.keys(`${stores.keys.prefix}:*`)).filter((key) => !key.includes("{")).toSorted();

describe("a configuration of the allowlist", () => {
  it("is listed with when it was last in use and how many it names, the longest unused first", async () => {
    await apply(OTHER, "alpha");
    await apply(GATEWAY, "alpha", "beta");
    await ageSource(stores, OTHER, ["alpha"], 5 * DAY_MS);
    const listed = await stores.trust.sources();
    expect(listed).toEqual([
      { source: OTHER, renewedAt: expect.any(Number), followers: 1 },
      { source: GATEWAY, renewedAt: expect.any(Number), followers: 2 },
    ]);
    const now = await stores.now();
    const [other, gateway] = listed.map(({ renewedAt }) => now - renewedAt);
    expect(gateway).toBeLessThan(30_000);
    expect(other).toBeGreaterThan(5 * DAY_MS - 1);
  });

  it("is in use from its renewal on, and from the next time that it is applied", async () => {
    for (const [source, use] of [
      [GATEWAY, async () => stores.trust.renewSource(GATEWAY)],
      [OTHER, async () => apply(OTHER, "alpha")],
    ] as const) {
      await apply(source, "alpha");
      await ageSource(stores, source, ["alpha"], 29 * DAY_MS);
      await use();
      await ageSource(stores, source, ["alpha"], 29 * DAY_MS);
      expect(await stores.trust.lapsedSources(10)).toEqual([]);
      expect(await stores.trust.renewSource(source)).toBe(true);
    }
  });

  it("must be applied again, and not renewed, when it lapsed, was forgotten, names nobody or never was applied", async () => {
    expect(await stores.trust.renewSource(GATEWAY)).toBe(false);
    await apply(GATEWAY);
    expect(await stores.trust.renewSource(GATEWAY)).toBe(false);
    await apply(GATEWAY, "alpha");
    expect(await stores.trust.renewSource(GATEWAY)).toBe(true);
    await ageSource(stores, GATEWAY, ["alpha"], 31 * DAY_MS);
    expect(await stores.trust.renewSource(GATEWAY)).toBe(false);
    expect((await stores.trust.lapsedSources(10)).map(({ source }) => source)).toEqual([GATEWAY]);
    await apply(GATEWAY, "alpha");
    expect(await stores.trust.renewSource(GATEWAY)).toBe(true);
    await stores.trust.forgetSource(GATEWAY);
    expect(await stores.trust.renewSource(GATEWAY)).toBe(false);
    await expect(stores.trust.renewSource("two words")).rejects.toThrow(TypeError);
  });

  it("that nobody applied for 30 days is retired: what only it had let in is out, its session ends, and nothing of it stays", async () => {
    const before = await indexes();
    await stores.trust.allow(["by-hand"]);
    await apply(GATEWAY, "only", "both", "by-hand", "since");
    await apply(OTHER, "both");
    await stores.trust.allow(["since"]);
    const told = await stores.record(stores.keys.nodeChannel("node-a"));
    const version = await pairFollower(stores, "paired");
    await apply(GATEWAY, "only", "both", "by-hand", "since", "paired");
    const epoch = await claimEpoch(stores, "only", await pairFollowerLetInBy(GATEWAY, "only"));

    const named = ["only", "both", "by-hand", "since", "paired"];
    expect(await lapseAndRetire(stores, GATEWAY, named)).toEqual(["only"]);
    for (const identifier of ["both", "by-hand", "since", "paired"]) expect(await isAllowed(identifier)).toBe(true);
    expect((await stores.trust.lookup("paired", undefined)).trustVersion).toBe(version);
    expect(await isAllowed("only")).toBe(false);
    await waitFor("the node to be told", () => told.length > 0);
    expect(told).toContain(`x only ${epoch} identifier_not_allowed`);
    expect(await sources()).toEqual([OTHER]);
    expect(await stores.trust.configuredBy("both")).toEqual([OTHER]);
    expect(await stores.redis.exists(stores.keys.configuredBy(GATEWAY))).toBe(0);

    // A lapsed list is no operator's word: applied again, it lets in again.
    expect(await apply(GATEWAY, "only")).toEqual({ added: ["only"], removed: [] });
    for (const source of [GATEWAY, OTHER]) await apply(source);
    expect((await indexes()).filter((key) => key !== stores.keys.followers)).toEqual(before);
  });

  it("that is applied again just when it is retired keeps whom it names, and its place", async () => {
    await apply(GATEWAY, "kept", "left");
    await ageSource(stores, GATEWAY, ["kept", "left"], 31 * DAY_MS);
    const [lapsed] = await stores.trust.lapsedSources(10);
    if (lapsed === undefined) throw new Error("It did not lapse.");
    await apply(GATEWAY, "kept");
    expect(await stores.trust.retireSource(lapsed)).toEqual([]);
    expect(await isAllowed("kept")).toBe(true);
    expect(await sources()).toEqual([GATEWAY]);
    // It is found when the list leaves it out.
    expect(await apply(GATEWAY, "another")).toEqual({ added: ["another"], removed: ["kept"] });
  });

  it("of the coordinators never lapses", async () => {
    await apply("coordinator", "alpha");
    await apply(GATEWAY, "beta");
    for (const source of ["coordinator", GATEWAY]) await ageSource(stores, source, ["alpha", "beta"], 400 * DAY_MS);
    expect((await stores.trust.lapsedSources(1)).map(({ source }) => source)).toEqual([GATEWAY]);
    expect(await lapseAndRetire(stores, "coordinator", ["alpha"])).toEqual(["beta"]);
    expect(await isAllowed("alpha")).toBe(true);
  });

  it("that an operator forgets is gone as if it named nobody, and is known no longer", async () => {
    await apply(GATEWAY, "only", "both");
    await apply(OTHER, "both");
    expect(await stores.trust.forgetSource(GATEWAY)).toEqual({ known: true, removed: ["only"] });
    expect([await isAllowed("only"), await isAllowed("both")]).toEqual([false, true]);
    expect(await stores.trust.forgetSource(GATEWAY)).toEqual({ known: false, removed: [] });
    expect(await sources()).toEqual([OTHER]);
    // It was no operator's word about the follower.
    expect(await apply(GATEWAY, "only")).toEqual({ added: ["only"], removed: [] });
  });
});

describe("more configurations than one follower keeps", () => {
  it("are applied all the same: the one that was longest unused makes room, and never the coordinators'", async () => {
    await apply("coordinator", "alpha");
    await ageSource(stores, "coordinator", ["alpha"], 20 * DAY_MS);
    await Promise.all(Array.from({ length: 255 }, (_, index) => apply(`gateway:${index}`, "alpha")));
    expect(await stores.trust.configuredBy("alpha")).toHaveLength(256);
    await ageSource(stores, "gateway:7", ["alpha"], 10 * DAY_MS);
    await ageSource(stores, "gateway:8", ["alpha"], 9 * DAY_MS);
    await stores.trust.renewSource("gateway:7");

    expect(await apply(OTHER, "alpha", "beta")).toEqual({ added: ["beta"], removed: [] });
    const named = await stores.trust.configuredBy("alpha");
    expect(named).toHaveLength(256);
    expect(named).toEqual(expect.arrayContaining([OTHER, "coordinator", "gateway:7"]));
    expect(named).not.toContain("gateway:8");

    // One that was there already makes nobody go, and one that gave its place away takes nobody off.
    expect(await apply("gateway:9", "alpha")).toEqual({ added: [], removed: [] });
    expect(await apply("gateway:8")).toEqual({ added: [], removed: [] });
    expect(await stores.trust.configuredBy("alpha")).toEqual(named);
    expect(await isAllowed("alpha")).toBe(true);
  });

  it("that come at once leave as many as there may be", async () => {
    await Promise.all(Array.from({ length: 256 }, (_, index) => apply(`gateway:${index}`, "alpha")));
    const newcomers = Array.from({ length: 20 }, (_, index) => `gateway:new-${index}`);
    await Promise.all(newcomers.map((source) => apply(source, "alpha")));
    const named = await stores.trust.configuredBy("alpha");
    expect(named).toHaveLength(256);
    expect(await isAllowed("alpha")).toBe(true);
  });
});

/** Pairs a follower that a configuration let in, and leaves it let in by that alone. */
async function pairFollowerLetInBy(source: string, identifier: string): Promise<string> {
  const version = await pairFollower(stores, identifier);
  await stores.redis.hset(stores.keys.follower(identifier).trust, "configured", "added");
  expect(await stores.trust.configuredBy(identifier)).toEqual([source]);
  return version;
}
