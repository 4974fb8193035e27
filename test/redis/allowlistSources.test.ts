import fc from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { auditEvents, openStores, type Stores } from "../support/stores.ts";
import { lapseAndRetire } from "./allowlistLapse.ts";

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

const apply = (source: string, ...identifiers: string[]) => stores.trust.applyConfigured(identifiers, source);
const isAllowed = async (identifier: string) => (await stores.trust.lookup(identifier, undefined)).allowed;
const trustKey = (identifier: string) => stores.keys.follower(identifier).trust;
const GATEWAY = "gateway:one";
const OTHER = "gateway:two";

describe("a configuration that lapsed", () => {
  it("and is applied while it is retired keeps the list that finds whom it names", async () => {
    const { redis, keys, trust } = stores;
    for (let round = 0; round < 100; round += 1) {
      await redis.zadd(keys.followerSources, 1, GATEWAY);
      await redis.sadd(keys.configuredBy(GATEWAY), "alpha");
      const retired = trust.retireSource({ source: GATEWAY, renewedAt: 1 });
      for (let ping = 0; ping < round % 10; ping += 1) await redis.time();
      await Promise.all([retired, apply(GATEWAY, "alpha", "beta")]);
      expect((await redis.smembers(keys.configuredBy(GATEWAY))).toSorted()).toEqual(["alpha", "beta"]);
      await apply(GATEWAY);
    }
  });
});

describe("several configurations of one allowlist", () => {
  it("that name different followers do not throw out each other's, in whatever order they are applied", async () => {
    expect(await apply(GATEWAY, "alpha")).toEqual({ added: ["alpha"], removed: [] });
    expect(await apply("coordinator", "beta")).toEqual({ added: ["beta"], removed: [] });
    expect(await apply(OTHER, "gamma")).toEqual({ added: ["gamma"], removed: [] });
    expect(await apply("coordinator")).toEqual({ added: [], removed: ["beta"] });
    expect(await apply(OTHER, "gamma")).toEqual({ added: [], removed: [] });
    expect([await isAllowed("alpha"), await isAllowed("beta"), await isAllowed("gamma")]).toEqual([true, false, true]);
  });

  it("keep a follower while one of them names it, and the last one takes it off", async () => {
    await apply(GATEWAY, "alpha");
    expect(await apply("coordinator", "alpha")).toEqual({ added: [], removed: [] });
    expect(await stores.trust.configuredBy("alpha")).toEqual(["coordinator", GATEWAY]);
    expect(await apply(GATEWAY)).toEqual({ added: [], removed: [] });
    expect(await stores.trust.configuredBy("alpha")).toEqual(["coordinator"]);
    expect(await isAllowed("alpha")).toBe(true);
    expect(await apply("coordinator")).toEqual({ added: [], removed: ["alpha"] });
    expect(await isAllowed("alpha")).toBe(false);
    expect(await stores.trust.configuredBy("alpha")).toEqual([]);
    expect(await stores.redis.hkeys(trustKey("alpha"))).not.toContain("configured");
  });

  it("leave a follower on it that an operator had allowed before, or allowed since", async () => {
    await stores.trust.allow(["before"]);
    await apply(GATEWAY, "before", "since");
    await apply(OTHER, "before", "since");
    await stores.trust.allow(["since"]);
    expect(await apply(GATEWAY)).toEqual({ added: [], removed: [] });
    expect(await apply(OTHER)).toEqual({ added: [], removed: [] });
    expect([await isAllowed("before"), await isAllowed("since")]).toEqual([true, true]);
  });

  it("do not let in whom an operator revoked while one names it, however many come to name it", async () => {
    await apply(GATEWAY, "revoked", "removed");
    await stores.trust.clear("revoked", "revoke", { disallow: true });
    await stores.trust.disallow("removed");
    expect(await apply(OTHER, "revoked", "removed")).toEqual({ added: [], removed: [] });
    expect(await apply(GATEWAY)).toEqual({ added: [], removed: [] });
    expect(await apply("coordinator", "revoked", "removed")).toEqual({ added: [], removed: [] });
    expect([await isAllowed("revoked"), await isAllowed("removed")]).toEqual([false, false]);

    expect(await stores.trust.allow(["removed"])).toEqual(["removed"]);
    expect(await apply(OTHER)).toEqual({ added: [], removed: [] });
    expect(await apply("coordinator")).toEqual({ added: [], removed: [] });
    expect(await isAllowed("removed")).toBe(true);
    // Left by all of them, and named anew, it is out still.
    expect(await apply(GATEWAY, "revoked")).toEqual({ added: [], removed: [] });
    expect(await isAllowed("revoked")).toBe(false);
  });

  const nothing = async () => undefined;
  const ways: readonly [string, before: () => Promise<unknown>, after: () => Promise<unknown>][] = [
    ["when one names it for the first time", async () => stores.trust.allow(["alpha"]), nothing],
    [
      "when another one names it after the only one that did",
      async () => apply(OTHER, "alpha"),
      async () => apply(OTHER),
    ],
    [
      "when the only one that named it leaves it out and puts it back",
      async () => apply(GATEWAY, "alpha"),
      async () => apply(GATEWAY),
    ],
    [
      "when it was off the list already",
      async () => {
        await apply(GATEWAY, "alpha");
        await apply(GATEWAY);
      },
      nothing,
    ],
  ];
  describe.each([
    ["revoked", async () => stores.trust.clear("alpha", "revoke", { disallow: true })],
    ["taken off by hand", async () => stores.trust.disallow("alpha")],
  ])("keep out what was %s until an operator allows it,", (_, takeOff) => {
    it.each(ways)("%s", async (__, before, after) => {
      await before();
      await takeOff();
      await after();
      expect(await apply(GATEWAY, "alpha")).toEqual({ added: [], removed: [] });
      expect(await isAllowed("alpha")).toBe(false);
      expect(await stores.trust.configuredBy("alpha")).toEqual([GATEWAY]);
      const { revokedAt = 0 } = (await stores.directory.find("alpha")) ?? {};
      expect(Math.abs(revokedAt - (await stores.now()))).toBeLessThan(30_000);

      expect(await stores.trust.allow(["alpha"])).toEqual(["alpha"]);
      expect(await stores.directory.find("alpha")).not.toHaveProperty("revokedAt");
      // By hand it was let in, so no configuration takes it off.
      expect(await apply(GATEWAY)).toEqual({ added: [], removed: [] });
      expect(await isAllowed("alpha")).toBe(true);
    });
  });

  it("are told apart by a name of 1 to 64 plain characters", async () => {
    for (const source of ["", "two words", "a{b}", "x".repeat(65), "ü"]) {
      await expect(apply(source, "alpha")).rejects.toThrow(TypeError);
    }
    expect(await stores.redis.keys(`${stores.keys.prefix}:*`)).toEqual([]);
    expect(await apply("x".repeat(64), "alpha")).toEqual({ added: ["alpha"], removed: [] });
  });
});

describe("a trust of when there was one configuration", () => {
  const asBefore = async (identifier: string, configured: "added" | "named") => {
    await stores.trust.allow([identifier]);
    await stores.redis.hset(trustKey(identifier), "configured", configured);
    await stores.redis.sadd(stores.keys.configuredFollowers, identifier);
  };

  it("counts as named by the coordinator", async () => {
    await asBefore("alpha", "added");
    await asBefore("beta", "named");
    expect(await stores.trust.configuredBy("alpha")).toEqual(["coordinator"]);
    expect(await apply("coordinator", "alpha", "beta")).toEqual({ added: [], removed: [] });
    expect(await apply("coordinator")).toEqual({ added: [], removed: ["alpha"] });
    expect([await isAllowed("alpha"), await isAllowed("beta")]).toEqual([false, true]);
  });

  it("stays when a gateway names it too, and the coordinator stops", async () => {
    await asBefore("alpha", "added");
    await apply(GATEWAY, "alpha");
    expect(await stores.trust.configuredBy("alpha")).toEqual(["coordinator", GATEWAY]);
    expect(await apply("coordinator")).toEqual({ added: [], removed: [] });
    expect(await isAllowed("alpha")).toBe(true);
    expect(await apply(GATEWAY)).toEqual({ added: [], removed: ["alpha"] });
  });

  it("is not taken off by a gateway that never named it", async () => {
    await asBefore("alpha", "added");
    await stores.redis.sadd(stores.keys.configuredBy(GATEWAY), "alpha");
    expect(await apply(GATEWAY)).toEqual({ added: [], removed: [] });
    expect(await stores.trust.configuredBy("alpha")).toEqual(["coordinator"]);
  });

  it("which a process of then took off is let in by the next that names it", async () => {
    await apply(GATEWAY, "alpha");
    await stores.redis.hdel(trustKey("alpha"), "configured");
    await stores.redis.hset(trustKey("alpha"), "allowed", "0");
    expect(await stores.trust.configuredBy("alpha")).toEqual([]);
    expect(await apply(GATEWAY, "alpha")).toEqual({ added: ["alpha"], removed: [] });
    expect(await stores.trust.configuredBy("alpha")).toEqual([GATEWAY]);
  });
});

const SOURCES = ["coordinator", GATEWAY, OTHER];
const FOLLOWERS = ["alpha", "beta"];

interface ModelFollower {
  allowed: boolean;
  /** An operator took it off, and none allowed it since. */
  isRevoked: boolean;
  /** Whether the first configuration that names it put it on, and no operator did since. */
  isAdded: boolean;
  readonly sources: Set<string>;
}

type Step =
  | { readonly do: "apply"; readonly source: string; readonly names: readonly string[]; readonly stopped: Stop }
  | { readonly do: "forget" | "lapse"; readonly source: string }
  | { readonly do: "allow" | "disallow" | "revoke"; readonly name: string };
type Stop = "not" | "afterListing" | "beforeShortening";

const name = fc.constantFrom(...FOLLOWERS);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("apply" as const),
      source: fc.constantFrom(...SOURCES),
      names: fc.uniqueArray(name),
      stopped: fc.constantFrom<Stop>("not", "not", "afterListing", "beforeShortening"),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom("forget" as const, "lapse" as const),
      source: fc.constantFrom(...SOURCES),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom("allow" as const, "disallow" as const, "revoke" as const), name }),
  },
);

/** What the contract says of a list that is applied, in the fewest words. @returns whom it added and took off. */
function applyToModel(model: ReadonlyMap<string, ModelFollower>, source: string, names: readonly string[]) {
  const changes = { added: [] as string[], removed: [] as string[] };
  for (const [identifier, follower] of model) {
    const { sources } = follower;
    if (names.includes(identifier)) {
      if (sources.size === 0) {
        follower.isAdded = !follower.allowed && !follower.isRevoked;
        if (follower.isAdded) changes.added.push(identifier);
        follower.allowed ||= follower.isAdded;
      }
      sources.add(source);
    } else if (sources.delete(source) && sources.size === 0 && follower.isAdded && follower.allowed) {
      follower.allowed = false;
      changes.removed.push(identifier);
    }
  }
  return changes;
}

it("the allowlist is as the contract says after any steps of configurations and operators, and starts that were stopped", async () => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
      run++;
      const of = (identifier: string) => `${identifier}-${run}`;
      const isOfRun = (identifier: string) => identifier.endsWith(`-${run}`);
      const plain = (identifiers: readonly string[]) =>
        identifiers
          .filter(isOfRun)
          .map((identifier) => identifier.slice(0, identifier.lastIndexOf("-")))
          .toSorted();
      const model = new Map(
        FOLLOWERS.map((each): [string, ModelFollower] => [
          each,
          { allowed: false, isRevoked: false, isAdded: false, sources: new Set<string>() },
        ]),
      );
      for (const now of steps) {
        if (now.do === "apply") {
          const index = stores.keys.configuredBy(now.source);
          // Stopped after the indexes were written: all the rest is for the next start.
          if (now.stopped === "afterListing" && now.names.length > 0) {
            await stores.redis.zadd(stores.keys.followerSources, await stores.now(), now.source);
            await stores.redis.sadd(index, ...now.names.map(of));
            continue;
          }
          const listed = (await stores.redis.smembers(index)).filter(isOfRun);
          const result = await apply(now.source, ...now.names.map(of));
          const expected = applyToModel(model, now.source, now.names);
          expect(plain(result.added)).toEqual(expected.added.toSorted());
          expect(plain(result.removed)).toEqual(expected.removed.toSorted());
          // Stopped before the index was shortened.
          if (now.stopped === "beforeShortening" && listed.length > 0) await stores.redis.sadd(index, ...listed);
          continue;
        }
        if ("source" in now) {
          const expected =
            now.do === "lapse" && now.source === "coordinator" ? [] : applyToModel(model, now.source, []).removed;
          const removed =
            now.do === "forget"
              ? (await stores.trust.forgetSource(now.source)).removed
              : await lapseAndRetire(stores, now.source, FOLLOWERS.map(of));
          expect(plain(removed)).toEqual(expected.toSorted());
          continue;
        }
        const follower = model.get(now.name);
        if (follower === undefined) throw new Error(now.name);
        if (now.do === "allow") {
          await stores.trust.allow([of(now.name)]);
          follower.allowed = true;
          follower.isAdded = false;
          follower.isRevoked = false;
        } else {
          // Of one that nobody knows nothing is kept.
          follower.isRevoked ||= (await stores.directory.find(of(now.name))) !== undefined;
          if (now.do === "disallow") await stores.trust.disallow(of(now.name));
          else await stores.trust.clear(of(now.name), "revoke", { disallow: true });
          follower.allowed = false;
        }
      }
      for (const [identifier, { allowed, sources }] of model) {
        expect(await isAllowed(of(identifier))).toBe(allowed);
        expect(await stores.trust.configuredBy(of(identifier))).toEqual([...sources].toSorted());
      }
    }),
    { numRuns: 150 },
  );
}, 120_000);

it("configurations that are applied at once end as one after the other, with one edge in the audit for each change", async () => {
  const lists = fc.array(fc.tuple(...SOURCES.map(() => fc.uniqueArray(name))), { minLength: 1, maxLength: 5 });
  let run = 0;
  await fc.assert(
    fc.asyncProperty(lists, async (rounds) => {
      run++;
      const of = (identifier: string) => `${identifier}-at-once-${run}`;
      for (const round of rounds) {
        await Promise.all(round.map((names, index) => apply(SOURCES[index] ?? "", ...names.map(of))));
        for (const identifier of FOLLOWERS) {
          const sources = SOURCES.filter((_, index) => round[index]?.includes(identifier)).toSorted();
          expect(await stores.trust.configuredBy(of(identifier))).toEqual(sources);
          expect(await isAllowed(of(identifier))).toBe(sources.length > 0);
        }
      }
      for (const identifier of FOLLOWERS) {
        const events = await auditEvents(stores, of(identifier));
        expect(events).toEqual(events.map((_, index) => (index % 2 === 0 ? "allowed" : "disallowed")));
      }
    }),
    { numRuns: 60 },
  );
}, 120_000);
