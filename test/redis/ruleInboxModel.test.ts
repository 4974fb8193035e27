import { type GivenMessage, RuleInbox } from "@yonexus/protocol/redis";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { openStores, type Stores } from "../support/stores.ts";

const RULE = "orders";
const GROUP = "shop";
const LEASE_MS = 60_000;
const MAX_TRIES = 3;
const FOLLOWERS = ["alice", "bob", "carol"];
const REPLICAS = 3;

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

type Step =
  | { readonly do: "append"; readonly follower: number }
  | { readonly do: "take"; readonly replica: number; readonly lanes: number; readonly messages: number }
  | { readonly do: "ack" | "fail" | "lapse" | "hold" | "leave"; readonly replica: number; readonly follower: number }
  | { readonly do: "park"; readonly replica: number }
  | { readonly do: "lateAck"; readonly replica: number; readonly back: number };

const replica = fc.nat(REPLICAS - 1);
const follower = fc.nat(FOLLOWERS.length - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("append" as const), follower }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("take" as const),
      replica,
      lanes: fc.integer({ min: 1, max: 3 }),
      messages: fc.integer({ min: 1, max: 12 }),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("ack" as const), replica, follower }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom("fail" as const, "lapse" as const, "hold" as const, "leave" as const),
      replica,
      follower,
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("park" as const), replica }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("lateAck" as const), replica, back: fc.nat(5) }) },
);

interface Message {
  readonly follower: string;
  readonly content: string;
  tries: number;
  /** A lost replica was at it: it is given alone until it fails or is acked. */
  isSuspect: boolean;
  /** The replica that was given it. */
  owner: string | undefined;
  given: GivenMessage | undefined;
}

/** What the contract says of one rule, in the fewest words. */
class Model {
  /** Not handled yet, by follower, in order. */
  readonly open = new Map<string, Message[]>(FOLLOWERS.map((each) => [each, []]));
  readonly ids: string[] = Array.from({ length: REPLICAS }, (_, index) => `replica-${index}-0`);
  /** Held once and not given up: `lapsed` may come back, what was parked may not. */
  readonly state = new Map<string, "live" | "lapsed">();
  /** Everything that was ever given, for acks that come late. */
  readonly given: GivenMessage[] = [];
  appended = 0;
  dead = 0;

  all(): Message[] {
    return [...this.open.values()].flat();
  }

  of(owner: string): Message[] {
    return this.all().filter((message) => message.owner === owner);
  }

  /** It has a suspect, or is the first by name and has something while a suspect waits. */
  mustWait(owner: string): boolean {
    const live = [...this.state].flatMap(([id, state]) => (state === "live" ? [id] : [])).toSorted();
    const had = this.of(owner);
    if (had.some(({ isSuspect }) => isSuspect)) return true;
    return live[0] === owner && had.length > 0 && this.all().some((each) => each.isSuspect && each.owner === undefined);
  }

  remove(message: Message): void {
    const lane = this.open.get(message.follower) ?? [];
    lane.splice(lane.indexOf(message), 1);
  }

  /** What `owner` had is free. Of a lost one each lane's first message has one more failed try, the last one if it was alone. */
  park(owner: string, lost: boolean): void {
    const wasAlone = this.of(owner).length === 1;
    for (const lane of this.open.values()) {
      const [first] = lane.filter((message) => message.owner === owner);
      if (first === undefined || !lost) continue;
      first.isSuspect = true;
      first.tries = Math.min(first.tries + 1, wasAlone ? MAX_TRIES : MAX_TRIES - 1);
      if (first.tries < MAX_TRIES) continue;
      this.dead += 1;
      this.remove(first);
    }
    for (const message of this.of(owner)) message.owner = undefined;
    this.state.delete(owner);
  }
}

async function perform(step: Step, model: Model, inbox: RuleInbox): Promise<void> {
  const own = stores.keys.rule(RULE);
  const id = "replica" in step ? (model.ids[step.replica] ?? "") : "";
  switch (step.do) {
    case "append": {
      const identifier = FOLLOWERS[step.follower] ?? "";
      const content = String(model.appended++);
      const isHeld = [...model.state.values()].includes("live");
      const outcome = await stores.rules.append(RULE, identifier, content, { maxBacklog: 1_000 });
      expect(outcome).toBe(isHeld ? "appended" : "unknown_rule");
      const message: Message = {
        follower: identifier,
        content,
        tries: 0,
        isSuspect: false,
        owner: undefined,
        given: undefined,
      };
      if (isHeld) model.open.get(identifier)?.push(message);
      return;
    }
    case "take": {
      const taken = await inbox.take(id, step);
      const isLive = model.state.get(id) === "live";
      expect(taken.outcome === "alone" ? model.mustWait(id) : (taken.outcome === "taken") === isLive).toBe(true);
      if (taken.outcome === "taken") expectInTurn(model, id, taken.messages);
      return;
    }
    case "ack": {
      const [message] = model.of(id).filter((each) => each.follower === FOLLOWERS[step.follower]);
      if (message?.given === undefined) return;
      await inbox.ack(id, [message.given]);
      model.remove(message);
      return;
    }
    case "lateAck": {
      const given = model.given.at(-1 - step.back);
      if (given === undefined) return;
      await inbox.ack(id, [given]);
      const message = model.all().find((each) => each.content === given.content);
      if (message === undefined) return;
      const { owner } = message;
      if (owner === undefined || owner === id || model.state.get(owner) !== "live") model.remove(message);
      return;
    }
    case "fail": {
      const [message] = model.of(id).filter((each) => each.follower === FOLLOWERS[step.follower]);
      if (message?.given === undefined) return;
      const { outcome } = await inbox.fail(id, message.given, message.tries + 1, "a reason", MAX_TRIES);
      message.tries += 1;
      message.isSuspect = false;
      expect(outcome).toBe(message.tries < MAX_TRIES ? "again" : "dead");
      if (outcome !== "dead") return;
      model.dead += 1;
      model.remove(message);
      return;
    }
    case "lapse":
      if (model.state.get(id) !== "live") return;
      await stores.redis.zadd(own.replicas, 1_000, id);
      model.state.set(id, "lapsed");
      return;
    case "hold":
      return hold(model, step.replica);
    case "leave":
      await stores.rules.leave(RULE, id);
      if (model.state.has(id)) model.park(id, false);
      return;
    case "park":
      await stores.rules.park(RULE, id, MAX_TRIES);
      if (model.state.get(id) === "lapsed") model.park(id, true);
      return;
  }
}

/** Whatever a replica is given follows what it has of that follower, or is the first, and no other replica has any. */
function expectInTurn(model: Model, id: string, messages: readonly GivenMessage[]): void {
  const had = model.of(id);
  for (const given of messages) {
    const lane = model.open.get(given.identifier) ?? [];
    const next = lane.find((message) => message.owner !== id);
    expect(next).toMatchObject({ content: given.content, tries: given.tries, owner: undefined });
    expect(lane.every(({ owner }) => owner === undefined || owner === id)).toBe(true);
    if (next === undefined) return;
    if (next.isSuspect) expect([had.length, messages.length]).toEqual([0, 1]);
    expect(had.some(({ isSuspect }) => isSuspect)).toBe(false);
    next.owner = id;
    next.given = given;
    model.given.push(given);
  }
}

async function hold(model: Model, index: number): Promise<void> {
  const id = model.ids[index] ?? "";
  const before = model.state.get(id);
  const renews = Number(id.split("-")[2]) > 0 || before !== undefined;
  const result = await stores.rules.hold(RULE, GROUP, id, LEASE_MS, renews);
  if (renews && before === undefined) {
    expect(result).toEqual({ outcome: "lost" });
    return joinAnew(model, index);
  }
  expectHeld(model, id, before, result);
}

/** Under an id that was never used. */
async function joinAnew(model: Model, index: number): Promise<void> {
  const id = `replica-${index}-${Number(model.ids[index]?.split("-")[2]) + 1}`;
  model.ids[index] = id;
  expectHeld(model, id, undefined, await stores.rules.hold(RULE, GROUP, id, LEASE_MS));
}

function expectHeld(model: Model, id: string, before: "live" | "lapsed" | undefined, result: unknown): void {
  model.state.set(id, "live");
  const lapsed = [...model.state].flatMap(([other, state]) => (state === "lapsed" ? [other] : []));
  const withMessages = lapsed.filter((other) => model.of(other).length > 0);
  if (before === "lapsed") {
    expect(result).toEqual({ outcome: "held", lapsed: [] });
    return;
  }
  expect(result).toEqual({ outcome: "held", lapsed: expect.any(Array) });
  expect((result as { lapsed: string[] }).lapsed.toSorted()).toEqual(withMessages.toSorted());
  for (const other of lapsed) if (!withMessages.includes(other)) model.state.delete(other);
}

/** A fresh replica handles all that is left, and it is all that should be, in order. */
async function drain(model: Model, inbox: RuleInbox): Promise<void> {
  await stores.rules.hold(RULE, GROUP, "last", LEASE_MS);
  for (const [id, state] of model.state) {
    if (state === "live") await stores.rules.leave(RULE, id);
    else await stores.rules.park(RULE, id, MAX_TRIES);
    model.park(id, state === "lapsed");
  }
  model.state.set("last", "live");
  while (model.all().length > 0) {
    const taken = await inbox.take("last", { lanes: 2, messages: 3 });
    if (taken.outcome !== "taken" || taken.messages.length === 0) throw new Error("What is left is given to nobody.");
    expectInTurn(model, "last", taken.messages);
    await inbox.ack("last", taken.messages);
    for (const message of model.of("last")) model.remove(message);
  }
  const { inbox: stream, lanes, waiting, ready, tries, deadLetters } = stores.keys.rule(RULE);
  expect(await stores.redis.xlen(stream)).toBe(0);
  expect(await stores.redis.exists(lanes, waiting, ready, tries)).toBe(0);
  expect(await stores.redis.xpending(stream, GROUP)).toEqual([0, null, null, null]);
  expect(await stores.redis.xlen(deadLetters)).toBe(model.dead);
}

it("gives every message to one live replica at a time, in its follower's order, whatever fails, lapses, leaves or comes late", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 120 }), async (steps) => {
      const inbox = new RuleInbox(stores.redis, stores.keys, RULE, GROUP);
      const model = new Model();
      for (let index = 0; index < REPLICAS; index++) await hold(model, index);
      for (const each of steps) {
        await perform(each, model, inbox);
        expect(await stores.redis.xlen(stores.keys.rule(RULE).inbox)).toBe(model.all().length);
      }
      await drain(model, inbox);
      await stores.redis.del(...Object.values(stores.keys.rule(RULE)));
    }),
    { numRuns: 60 },
  );
}, 60_000);
