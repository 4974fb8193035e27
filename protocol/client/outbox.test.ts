import fc from "fast-check";
import { expect, test } from "vitest";
import { LIMITS, type MessageRejectedReason } from "../wire/index.ts";
import {
  emptyOutbox,
  type OutboxEffect,
  type OutboxInput,
  type OutboxState,
  outboxStep,
  type SendOutcome,
} from "./outbox.ts";
import type { OutgoingMessage } from "./outgoingMessage.ts";

const message = (id: string, rule = "chat"): OutgoingMessage => ({ id, rule, content: "x", frame: id, bytes: 1 });
const send = (id: string, rule?: string): OutboxInput => ({ type: "send", message: message(id, rule) });
const session: OutboxInput = { type: "session", acks: true };
const ended: OutboxInput = { type: "session_ended" };
const accepted = (id: string): OutboxInput => ({ type: "answer", answer: { id, status: "accepted" }, random: 0.5 });
const rejected = (id: string, reason?: MessageRejectedReason): OutboxInput => ({
  type: "answer",
  answer: { id, status: "rejected", ...(reason === undefined ? {} : { reason }) },
  random: 0.5,
});

function after(...inputs: OutboxInput[]): { state: OutboxState; effects: readonly OutboxEffect[] } {
  let step: { state: OutboxState; effects: readonly OutboxEffect[] } = { state: emptyOutbox, effects: [] };
  for (const input of inputs) step = outboxStep(step.state, input);
  return step;
}
const written = (effects: readonly OutboxEffect[]) =>
  effects.flatMap((effect) => (effect.type === "write" ? [effect.message.id] : []));
const settled = (effects: readonly OutboxEffect[]) =>
  effects.flatMap((effect) => (effect.type === "settle" ? [[effect.id, effect.outcome]] : []));

test("what waits for a session is written when there is one, in order", () => {
  expect(after(send("a"), send("b")).effects).toEqual([]);
  expect(written(after(send("a"), send("b"), session).effects)).toEqual(["a", "b"]);
});

test("after a reconnect what is unanswered is written again first, in its order", () => {
  const inputs = [session, send("a"), send("b"), send("c"), accepted("b"), ended, send("d")];
  expect(written(after(...inputs, session).effects)).toEqual(["a", "c", "d"]);
});

test("no more than 64 are unanswered", () => {
  const many = Array.from({ length: LIMITS.unansweredMessages + 1 }, (_, index) => send(`m${index}`));
  expect(written(after(...many, session).effects)).toHaveLength(LIMITS.unansweredMessages);
  expect(written(after(...many, session, accepted("m7")).effects)).toEqual([`m${LIMITS.unansweredMessages}`]);
});

test.each(["overloaded", "session_ended", undefined] as const)(
  "a message rejected with %s is sent again after a wait; its rule waits behind it, others do not",
  (reason) => {
    const refused = after(session, send("a"), rejected("a", reason), send("b"), send("c", "other"));
    expect(written(refused.effects)).toEqual(["c"]);
    expect(after(session, send("a"), rejected("a", reason)).effects).toEqual([
      { type: "pause_rule", rule: "chat", ms: 50 },
    ]);
    const again = outboxStep(refused.state, { type: "rule_pause_over", rule: "chat" });
    expect(written(again.effects)).toEqual(["a"]);
    expect(written(outboxStep(again.state, accepted("a")).effects)).toEqual(["b"]);
  },
);

test.each(["unknown_rule", "id_conflict"] as const)("a message rejected with %s is not sent again", (reason) => {
  const { state, effects } = after(session, send("a"), rejected("a", reason));
  expect(settled(effects)).toEqual([["a", { type: reason }]]);
  expect(state.unanswered).toEqual([]);
});

test("what was not answered in time may have arrived, unless it was never written", () => {
  expect(settled(after(session, send("a"), { type: "timed_out", id: "a" }).effects)).toEqual([
    ["a", { type: "unknown" }],
  ]);
  expect(settled(after(send("a"), { type: "timed_out", id: "a" }).effects)).toEqual([["a", { type: "not_sent" }]]);
  expect(settled(after(session, send("a"), ended, send("b"), { type: "give_up" }).effects)).toEqual([
    ["a", { type: "unknown" }],
    ["b", { type: "not_sent" }],
  ]);
});

test("in a session without acks what was never written goes as an application frame; the rest is unknown", () => {
  const { state, effects } = after(session, send("a"), ended, send("b"), { type: "session", acks: false });
  expect(effects).toEqual([
    { type: "settle", id: "a", outcome: { type: "unknown" } },
    { type: "write_plain", message: message("b") },
  ]);
  expect(state.unanswered).toEqual([]);
});

test("refused for the rate, it waits and then sends one by one, and speeds up again in time", () => {
  let { state, effects } = after(session, send("a"), send("b"), { type: "slow_down" });
  expect(effects).toEqual([{ type: "set_interval", ms: 1_000 }]);
  // The other frames of the burst are refused as well, which is no news.
  expect(outboxStep(state, { type: "slow_down" }).effects).toEqual([]);
  ({ state, effects } = outboxStep(state, { type: "interval_over" }));
  expect(effects).toEqual([
    { type: "write", message: message("a") },
    { type: "set_interval", ms: 40 },
  ]);
  for (let count = 0; count < 1_024; count += 1) {
    state = outboxStep(state, { type: "interval_over" }).state;
    state = outboxStep(state, send(`m${count}`)).state;
    const first = state.unanswered[0]?.message.id ?? "";
    state = outboxStep(state, accepted(first)).state;
  }
  expect(state.intervalMs).toBe(0);
});

type Happening = "send" | "connect" | "cut" | "down" | "up" | "refuse" | "drop_for_rate" | "rule" | "interval";

/** A node that remembers the last 64 ids of each rule, a follower, and the connection between them. */
class World {
  readonly stored: Record<string, string[]> = { chat: [], other: [] };
  readonly outcomes = new Map<string, SendOutcome>();
  sent = 0;
  #connected = false;
  #up: OutgoingMessage[] = [];
  #down: OutboxInput[] = [];
  #state = emptyOutbox;
  readonly #rulesDue = new Set<string>();

  happen(what: Happening): void {
    switch (what) {
      case "send":
        this.sent += 1;
        this.#step(send(`m${this.sent}`, this.sent % 3 === 0 ? "other" : "chat"));
        return;
      case "connect":
        if (!this.#connected) {
          this.#connected = true;
          this.#step(session);
        }
        return;
      case "cut":
        this.#connected = false;
        this.#up = [];
        this.#down = [];
        this.#step(ended);
        return;
      case "up":
      case "refuse":
      case "drop_for_rate":
        this.#nodeTakes(what);
        return;
      case "down": {
        const answer = this.#down.shift();
        if (answer !== undefined) this.#step(answer);
        return;
      }
      case "rule":
        for (const rule of this.#rulesDue) {
          this.#rulesDue.delete(rule);
          this.#step({ type: "rule_pause_over", rule });
        }
        return;
      case "interval":
        this.#step({ type: "interval_over" });
        return;
    }
  }

  drain(): void {
    this.happen("connect");
    for (let round = 0; round < 300; round += 1) {
      for (const what of ["rule", "interval", "up", "down"] as const) this.happen(what);
    }
  }

  #nodeTakes(what: "up" | "refuse" | "drop_for_rate"): void {
    const next = this.#up.shift();
    if (next === undefined) return;
    if (what === "drop_for_rate") {
      this.#down.push({ type: "slow_down" });
      return;
    }
    if (what === "refuse") {
      this.#down.push(rejected(next.id, "overloaded"));
      return;
    }
    const stored = this.stored[next.rule] ?? [];
    const known = stored.slice(-LIMITS.unansweredMessages).includes(next.id);
    if (!known) stored.push(next.id);
    const status = known ? "duplicate" : "accepted";
    this.#down.push({ type: "answer", answer: { id: next.id, status }, random: 0.5 });
  }

  #step(input: OutboxInput): void {
    const { state, effects } = outboxStep(this.#state, input);
    this.#state = state;
    expect(state.unanswered.filter(({ inFlight }) => inFlight).length).toBeLessThanOrEqual(LIMITS.unansweredMessages);
    for (const effect of effects) {
      if (effect.type === "write") this.#up.push(effect.message);
      if (effect.type === "pause_rule") this.#rulesDue.add(effect.rule);
      if (effect.type === "clear_pauses") this.#rulesDue.clear();
      if (effect.type === "settle") {
        expect(this.outcomes.has(effect.id)).toBe(false);
        this.outcomes.set(effect.id, effect.outcome);
        if (effect.outcome.type === "accepted") expect(Object.values(this.stored).flat()).toContain(effect.id);
      }
    }
  }
}

const number = (id: string) => Number(id.slice(1));
const calm = ["send", "send", "send", "connect", "connect", "cut", "up", "up", "up", "down", "down"] as const;

function worldAfter(happenings: readonly Happening[]): World {
  const world = new World();
  for (const what of happenings) world.happen(what);
  world.drain();
  const stored = Object.values(world.stored).flat();
  expect(new Set(stored).size).toBe(stored.length);
  expect(stored).toHaveLength(world.sent);
  expect([...world.outcomes.values()].filter(({ type }) => type === "accepted")).toHaveLength(world.sent);
  return world;
}

test("whatever is cut: everything is stored once and answered once, in the order of its rule", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom<Happening>(...calm), { maxLength: 200 }), (happenings) => {
      for (const ids of Object.values(worldAfter(happenings).stored)) {
        expect(ids).toEqual([...ids].sort((a, b) => number(a) - number(b)));
      }
    }),
    { numRuns: 1_000 },
  );
});

test("whatever is cut, refused or dropped for the rate: everything is stored once and answered once", () => {
  const happening = fc.constantFrom<Happening>(...calm, "refuse", "drop_for_rate", "rule", "interval");
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 200 }), (happenings) => void worldAfter(happenings)),
    { numRuns: 1_000 },
  );
});
