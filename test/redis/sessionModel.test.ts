import fc from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { ageEntries, ageHeartbeat, claim, openStores, pairFollower, type Stores } from "../support/stores.ts";
import { waitFor } from "../support/waitFor.ts";

const UNSTABLE_AFTER_MS = 420_000;
const OFFLINE_AFTER_MS = 660_000;

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

interface Held {
  readonly epoch: number;
  readonly nodeId: string;
  readonly trustVersion: string;
}

/** What the contract says of one follower, in the fewest words. */
interface Model {
  allowed: boolean;
  paired: boolean;
  version: number;
  /** The version a handshake that is under way looked up. */
  lookedUp: number;
  /** Every session ever claimed, oldest first: what nodes still hold in memory. */
  claimed: Held[];
  session:
    | { epoch: number; nodeId: string; status: "online" | "unstable" | "offline"; reason?: string; ageMs: number }
    | undefined;
}

type Step =
  | { readonly do: "allow" | "disallow" | "clear" | "pair" | "lookup" | "judge" | "loseSession" }
  | { readonly do: "claim"; readonly node: number }
  | { readonly do: "age"; readonly byMs: number }
  | { readonly do: "loseNode"; readonly node: number }
  | { readonly do: "beat" | "end" | "check" | "reassert"; readonly back: number };

const back = fc.nat(3);
const node = fc.nat(2);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant("claim" as const), node }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom("beat" as const, "end" as const, "check" as const, "reassert" as const),
      back,
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom("lookup" as const, "judge" as const, "pair" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom("allow" as const, "disallow" as const, "clear" as const, "loseSession" as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("age" as const), byMs: fc.constantFrom(1_000, 430_000, 670_000) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("loseNode" as const), node }) },
);

const lastEpoch = (model: Model) => model.claimed.at(-1)?.epoch ?? 0;
const isLive = (model: Model) => model.session !== undefined && model.session.status !== "offline";
const endLive = (model: Model, reason: string) => {
  if (model.session !== undefined && isLive(model)) model.session = { ...model.session, status: "offline", reason };
};
const heldBack = (model: Model, steps: number): Held =>
  model.claimed.at(-1 - steps) ?? { epoch: 1, nodeId: "node-0", trustVersion: "0" };

/** Does one step on Redis and on the model, and compares the answers. */
async function take(name: string, model: Model, now: Step): Promise<void> {
  const { session } = model;
  switch (now.do) {
    case "allow":
      await stores.trust.allow([name]);
      model.allowed = true;
      return;
    case "disallow":
      await stores.trust.disallow(name);
      if (model.allowed) endLive(model, "identifier_not_allowed");
      model.allowed = false;
      return;
    case "clear":
      await stores.trust.clear(name, "operator", { disallow: false });
      model.paired = false;
      model.version++;
      endLive(model, "trust_revoked");
      return;
    case "pair": {
      const version = await pairFollower(stores, name);
      expect(version).toBe(String(model.version + 1));
      Object.assign(model, { allowed: true, paired: true, version: model.version + 1 });
      endLive(model, "trust_revoked");
      return;
    }
    case "lookup": {
      const found = await stores.trust.lookup(name, undefined);
      expect(found.allowed).toBe(model.allowed);
      expect(found.trust !== undefined).toBe(model.paired);
      expect(found.trustVersion).toBe(String(model.version));
      model.lookedUp = model.version;
      return;
    }
    case "claim":
      return takeClaim(name, model, `node-${now.node}`);
    case "age":
      if (session === undefined) return;
      await ageHeartbeat(stores, name, now.byMs);
      session.ageMs += now.byMs;
      return;
    case "judge": {
      const { edge } = await stores.sessions.judge(name, {
        unstableAfterMs: UNSTABLE_AFTER_MS,
        offlineAfterMs: OFFLINE_AFTER_MS,
      });
      let expected = "none";
      if (session !== undefined && isLive(model)) {
        if (session.ageMs > OFFLINE_AFTER_MS) expected = "offline";
        else if (session.ageMs > UNSTABLE_AFTER_MS && session.status === "online") expected = "unstable";
      }
      expect(edge).toBe(expected);
      if (edge === "offline") endLive(model, "heartbeat_timeout");
      if (edge === "unstable" && session !== undefined) session.status = "unstable";
      return;
    }
    case "loseSession":
      // What a failover does that lost the latest writes. It takes longer than the millisecond in which an epoch is made.
      await waitFor("the clock to pass the last epoch", async () => (await stores.now()) > lastEpoch(model));
      await stores.redis.del(stores.keys.follower(name).session);
      model.session = undefined;
      return;
    case "loseNode": {
      const owns = isLive(model) && session?.nodeId === `node-${now.node}`;
      expect(await stores.sessions.endOfDeadNode(name, `node-${now.node}`)).toBe(owns ? "ended" : "stale");
      if (owns) endLive(model, "node_lost");
      return;
    }
    case "beat": {
      const { epoch } = heldBack(model, now.back);
      const owns = isLive(model) && session?.epoch === epoch;
      expect((await stores.sessions.beat(name, epoch)).outcome).toBe(owns ? "alive" : "stale");
      if (owns && session !== undefined) Object.assign(session, { status: "online", ageMs: 0 });
      return;
    }
    case "end": {
      const { epoch } = heldBack(model, now.back);
      const owns = isLive(model) && session?.epoch === epoch;
      expect(await stores.sessions.end(name, epoch, "disconnected")).toBe(owns ? "ended" : "stale");
      if (owns) endLive(model, "disconnected");
      return;
    }
    case "check": {
      const { epoch } = heldBack(model, now.back);
      expect((await stores.sessions.check(name, epoch)).outcome).toBe(
        isLive(model) && session?.epoch === epoch ? "owner" : "stale",
      );
      return;
    }
    case "reassert":
      return takeReassertion(name, model, heldBack(model, now.back));
  }
}

async function takeClaim(name: string, model: Model, nodeId: string): Promise<void> {
  // So that the limit of proofs, which has tests of its own, is never reached.
  await ageEntries(stores, stores.keys.follower(name).proofs, 10_000);
  const trustVersion = String(model.lookedUp);
  const result = await claim(stores, name, trustVersion, { nodeId });
  const expected = !model.allowed
    ? "not_allowed"
    : !model.paired || model.lookedUp !== model.version
      ? "trust_changed"
      : "claimed";
  expect(result.outcome).toBe(expected);
  if (result.outcome !== "claimed") return;
  expect(result.previousNode).toBe(isLive(model) ? model.session?.nodeId : undefined);
  // Epochs strictly rise, also over a lost session.
  expect(result.epoch).toBeGreaterThan(lastEpoch(model));
  model.claimed.push({ epoch: result.epoch, nodeId, trustVersion });
  model.session = { epoch: result.epoch, nodeId, status: "online", ageMs: 0 };
}

async function takeReassertion(name: string, model: Model, held: Held): Promise<void> {
  const { session } = model;
  const result = await stores.sessions.reassert(
    { identifier: name, connectionId: "connection-1", address: "192.0.2.1", authenticatedAt: 0, ...held },
    0,
  );
  const same = session?.epoch === held.epoch;
  let expected = "kept";
  if (session !== undefined && session.epoch > held.epoch) expected = "superseded";
  else if (!model.allowed) expected = "not_allowed";
  else if (!model.paired || held.trustVersion !== String(model.version)) expected = "revoked";
  else if (same && session.status === "offline" && session.reason !== "node_lost") expected = "ended";
  expect(result.outcome).toBe(expected);
  if (result.outcome !== "kept") return;
  const status = same && session.status === "unstable" ? "unstable" : "online";
  expect(result.status).toBe(status);
  model.session = { epoch: held.epoch, nodeId: held.nodeId, status, ageMs: 0 };
}

it("one follower's session and trust go as the contract says, whatever happens in whatever order", async () => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40 }), async (steps) => {
      const name = `follower${run++}`;
      const model: Model = { allowed: false, paired: false, version: 0, lookedUp: 0, claimed: [], session: undefined };
      // Most of what matters begins with a paired follower.
      const all: Step[] = [{ do: "pair" }, { do: "lookup" }, { do: "claim", node: 0 }, ...steps];
      for (const now of all) {
        await take(name, model, now);
        // The notices of an hour have a limit of their own.
        await stores.redis.del(stores.keys.follower(name).notices);
        const epochs = [...new Set(model.claimed.map(({ epoch }) => epoch))];
        const owners = await Promise.all(epochs.map((epoch) => stores.sessions.check(name, epoch)));
        // At most one owner, and only the epoch the model holds for live.
        expect(epochs.filter((_, index) => owners[index]?.outcome === "owner")).toEqual(
          isLive(model) ? [model.session?.epoch] : [],
        );
      }
    }),
    { numRuns: 40 },
  );
}, 120_000);
