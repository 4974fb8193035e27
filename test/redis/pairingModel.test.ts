import fc from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { claim, type FollowerKey, newFollowerKey, openStores, type Stores } from "../support/stores.ts";

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

const MAX_TRIES = 5;
const HOME = "192.0.2.1";
const AWAY = "198.51.100.7";
type Address = typeof HOME | typeof AWAY;

/** The pairing of one key, as the contract has it. */
interface Pairing {
  readonly pairingId: string;
  readonly code: string;
  readonly address: Address;
  tries: number;
  state: "waiting" | "approved" | "denied";
  /** The trust version that the approval made. */
  granted?: number;
}

interface Model {
  allowed: boolean;
  version: number;
  paired: boolean;
  /** The version that a session was last claimed with. */
  used?: number;
  pairing: Pairing | undefined;
  /** Every pairing there was: what an operator may still have before him. */
  readonly shown: Pairing[];
}

type Step =
  | { readonly do: "open" | "grant"; readonly from: Address }
  | { readonly do: "approve" | "deny" | "confirm"; readonly back: number }
  | { readonly do: "wrongCode" | "expire" | "clear" | "revoke" | "allow" | "noticeFails" | "authenticate" };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom("open" as const, "grant" as const),
      from: fc.constantFrom<Address>(HOME, HOME, AWAY),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom("approve" as const, "approve" as const, "deny" as const, "confirm" as const),
      back: fc.constantFrom(0, 0, 0, 1),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("wrongCode" as const, "authenticate" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom("expire", "clear", "revoke", "allow", "allow", "noticeFails" as const),
    }),
  },
);

/** What was granted did not arrive, as far as anybody can know. */
const isLost = (model: Model, pairing: Pairing) => pairing.granted === model.version && model.used !== model.version;

class Follower {
  readonly name: string;
  readonly key: FollowerKey = newFollowerKey();
  readonly model: Model = { allowed: false, version: 0, paired: false, pairing: undefined, shown: [] };

  constructor(name: string) {
    this.name = name;
  }

  async take(now: Step): Promise<void> {
    const { name, key, model } = this;
    const { fingerprint } = key;
    const { pairing } = model;
    switch (now.do) {
      case "open":
        return this.#open(now.from);
      case "approve": {
        const shown = this.#shown(now.back);
        const { outcome } = await stores.pairings.approve(name, fingerprint, shown?.pairingId ?? "none", "a test");
        expect(outcome).toBe(this.#approval(shown));
        if (outcome === "approved" && pairing !== undefined) pairing.state = "approved";
        return;
      }
      case "deny": {
        const shown = this.#shown(now.back);
        const { outcome } = await stores.pairings.deny(name, fingerprint, shown?.pairingId ?? "none", "a test");
        const isOpen = pairing !== undefined && pairing.state !== "denied" && pairing.granted === undefined;
        if (pairing === undefined) expect(outcome).toBe("gone");
        else expect(outcome).toBe(pairing !== shown ? "changed" : isOpen ? "denied" : "gone");
        if (outcome === "denied" && pairing !== undefined) pairing.state = "denied";
        return;
      }
      case "confirm":
        return this.#confirm(this.#shown(now.back)?.code ?? "0000-0000");
      case "wrongCode":
        return this.#confirm("0000-0000");
      case "grant":
        return this.#grant(now.from);
      case "authenticate": {
        if (!model.allowed || !model.paired) return;
        await stores.redis.del(stores.keys.follower(name).proofs);
        expect((await claim(stores, name, String(model.version))).outcome).toBe("claimed");
        model.used = model.version;
        return;
      }
      case "expire":
        await stores.redis.del(stores.keys.pairing(name, fingerprint));
        await stores.redis.del(stores.keys.follower(name).pairings);
        model.pairing = undefined;
        return;
      case "noticeFails": {
        const failed = pairing?.pairingId ?? "none";
        await stores.pairings.resolveNotice(name, fingerprint, failed, "failed", "a test");
        if (pairing?.state === "waiting") model.pairing = undefined;
        return;
      }
      case "clear":
      case "revoke": {
        const disallow = now.do === "revoke";
        if (!(await stores.trust.clear(name, now.do, { disallow })).known) return;
        model.version += 1;
        Object.assign(model, { paired: false, pairing: undefined, allowed: model.allowed && !disallow });
        return;
      }
      case "allow":
        await stores.trust.allow([name]);
        model.allowed = true;
        return;
    }
  }

  /** What an operator has before him: the newest pairing there was, or one before it. */
  #shown(back: number): Pairing | undefined {
    return this.model.shown.at(-1 - back);
  }

  #approval(shown: Pairing | undefined): string {
    const { allowed, pairing, version } = this.model;
    if (!allowed) return "not_allowed";
    if (pairing === undefined) return "gone";
    if (pairing !== shown) return "changed";
    if (pairing.state === "denied" || (pairing.granted !== undefined && pairing.granted !== version)) return "gone";
    return pairing.state === "approved" ? "already" : "approved";
  }

  async #open(from: Address): Promise<void> {
    const { name, key, model } = this;
    const { pairing } = model;
    const own = stores.keys.follower(name);
    // The limits have tests of their own.
    await stores.redis.del(own.notices);
    const waiter = { nodeId: "node-a", connectionId: `at ${from}`.replace(" ", "-"), address: from };
    const opened = await stores.pairings.open(name, key.publicKey, key.fingerprint, waiter);
    let expected: string;
    if (!model.allowed) expected = "not_allowed";
    else if (pairing === undefined) expected = "opened";
    else if (pairing.state === "denied") expected = "denied";
    else if (pairing.granted === undefined) expected = "joined";
    else expected = isLost(model, pairing) && from === pairing.address ? "joined" : "opened";
    expect(opened.outcome).toBe(expected);
    if (opened.outcome === "joined") {
      expect(opened.pairingId).toBe(pairing?.pairingId);
      expect(opened.approved).toBe(pairing?.state === "approved" && pairing.address === from);
    }
    if (opened.outcome !== "opened") return;
    expect(opened.approved).toBe(false);
    const code = (await stores.pairings.notice(name, key.fingerprint, opened.pairingId))?.code ?? "";
    model.pairing = { pairingId: opened.pairingId, code, address: from, tries: 0, state: "waiting" };
    model.shown.push(model.pairing);
  }

  async #confirm(code: string): Promise<void> {
    const { name, key, model } = this;
    const { pairing } = model;
    const sealed = stores.trust.sealSecret(name, "by code");
    const { outcome } = await stores.pairings.confirm(name, key.fingerprint, code, sealed);
    if (!model.allowed) return void expect(outcome).toBe("not_allowed");
    if (pairing === undefined || pairing.granted !== undefined) return void expect(outcome).toBe("expired");
    if (pairing.state === "denied") return void expect(outcome).toBe("denied");
    if (pairing.tries >= MAX_TRIES) return void expect(outcome).toBe("too_many_attempts");
    if (code === pairing.code) {
      expect(outcome).toBe("paired");
      Object.assign(model, { version: model.version + 1, paired: true, pairing: undefined });
      return;
    }
    pairing.tries += 1;
    expect(outcome).toBe(pairing.tries < MAX_TRIES ? "invalid_code" : "too_many_attempts");
    if (pairing.tries >= MAX_TRIES && pairing.state !== "approved") model.pairing = undefined;
  }

  async #grant(from: Address): Promise<void> {
    const { name, key, model } = this;
    const { pairing } = model;
    // A node asks for the pairing that it was told of: the newest.
    const asked = this.#shown(0);
    const sealed = stores.trust.sealSecret(name, "by approval");
    const { outcome } = await stores.pairings.grant(name, key, asked?.pairingId ?? "none", from, sealed);
    let expected: string;
    if (!model.allowed) expected = "not_allowed";
    else if (pairing === undefined || pairing !== asked) expected = "expired";
    else if (pairing.state === "denied") expected = "denied";
    else if (pairing.state !== "approved" || pairing.address !== from) expected = "waiting";
    else expected = pairing.granted === undefined || isLost(model, pairing) ? "paired" : "expired";
    expect(outcome).toBe(expected);
    if (outcome !== "paired" || pairing === undefined) return;
    model.version += 1;
    model.paired = true;
    pairing.granted = model.version;
  }

  /** What is there for everybody to read. */
  async compare(): Promise<void> {
    const { name, key, model } = this;
    const { pairing } = model;
    const { fingerprint } = key;
    const [found, waiting, indexed] = await Promise.all([
      stores.trust.lookup(name, fingerprint),
      stores.pairings.find(name, fingerprint),
      stores.redis.zscore(stores.keys.pendingPairings, `${name} ${fingerprint}`),
    ]);
    expect([found.allowed, found.trust !== undefined, Number(found.trustVersion)]).toEqual([
      model.allowed,
      model.paired,
      model.version,
    ]);
    const waits = pairing !== undefined && pairing.state !== "denied" && pairing.granted === undefined;
    expect(found.pairing?.pairingId).toBe(waits ? pairing.pairingId : undefined);
    expect(waiting?.pairingId).toBe(waits ? pairing.pairingId : undefined);
    expect(waiting?.approvedAt !== undefined).toBe(waits && pairing.state === "approved");
    // What waits is always found by the index, which may hold more.
    if (waits) expect(indexed).not.toBeNull();
  }
}

it("one key's pairing goes as the contract says, whatever codes, approvals, refusals and hellos come in whatever order", async () => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40 }), async (steps) => {
      const follower = new Follower(`follower${run++}`);
      for (const now of [{ do: "allow" }, { do: "open", from: HOME }, ...steps] as Step[]) {
        await follower.take(now);
        await follower.compare();
      }
    }),
    { numRuns: 40 },
  );
}, 120_000);

it("a code, approvals, refusals, a node and a revocation at once: it is paired once at most, and never after a refusal or a revocation", async () => {
  const seen = new Set<string>();
  for (let round = 0; round < 120; round++) {
    const name = `race${round}`;
    const key = newFollowerKey();
    await stores.trust.allow([name]);
    const waiter = { nodeId: "node-a", connectionId: "connection-1", address: HOME };
    const opened = await stores.pairings.open(name, key.publicKey, key.fingerprint, waiter);
    if (opened.outcome !== "opened") throw new Error(opened.outcome);
    const { pairingId } = opened;
    const code = (await stores.pairings.notice(name, key.fingerprint, pairingId))?.code ?? "";
    const sealed = stores.trust.sealSecret(name, "a secret");
    const { pairings } = stores;
    const said: [string, string][] = [];
    const asks: Record<string, () => Promise<{ readonly outcome: string }>> = {
      approve: () => pairings.approve(name, key.fingerprint, pairingId, "one"),
      approveToo: () => pairings.approve(name, key.fingerprint, pairingId, "another"),
      grant: () => pairings.grant(name, key, pairingId, HOME, sealed),
      grantToo: () => pairings.grant(name, key, pairingId, HOME, sealed),
      confirm: () => pairings.confirm(name, key.fingerprint, code, sealed),
      ...(round % 3 === 0 ? { deny: () => pairings.deny(name, key.fingerprint, pairingId, "one") } : {}),
      ...(round % 3 === 1
        ? {
            revoke: async () => {
              await stores.trust.clear(name, "revoke", { disallow: true });
              return { outcome: "revoked" };
            },
          }
        : {}),
    };
    // Another order each round; all of them go out together.
    const order = Object.entries(asks).map(([ask, run]) => ({ ask, run, place: Math.random() }));
    await Promise.all(
      order
        .toSorted((one, other) => one.place - other.place)
        .map(async ({ ask, run }) => said.push([ask, (await run()).outcome])),
    );
    const count = (outcome: string) => said.filter(([, each]) => each === outcome).length;
    expect(count("approved")).toBeLessThanOrEqual(1);
    // A second grant of what was approved replaces the first, which nobody has proved yet: one trust all the same.
    const byCode = said.some(([ask, outcome]) => ask === "confirm" && outcome === "paired");
    const byGrant = said.some(([ask, outcome]) => ask.startsWith("grant") && outcome === "paired");
    expect(byCode && byGrant).toBe(false);
    if (count("denied") > 0 && said.some(([ask, outcome]) => ask === "deny" && outcome === "denied")) {
      expect(byCode || byGrant).toBe(false);
    }
    const { allowed, trust } = await stores.trust.lookup(name, key.fingerprint);
    if ("revoke" in asks) expect([allowed, trust]).toEqual([false, undefined]);
    else expect(trust !== undefined).toBe(byCode || byGrant);
    for (const [ask, outcome] of said) seen.add(`${ask} ${outcome}`);
  }
  // The races were races: each of them was won by each side.
  for (const won of ["confirm paired", "confirm expired", "approve approved", "approve already", "approve gone"]) {
    expect(seen).toContain(won);
  }
  for (const won of ["deny denied", "deny gone", "grant paired", "grant waiting"]) expect(seen).toContain(won);
}, 120_000);
