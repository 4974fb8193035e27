import fc from "fast-check";
import { expect, test } from "vitest";
import {
  emptyInbox,
  FIRST_RETRY_MS,
  HANDLER_TRIES,
  type InboxEffect,
  type InboxInput,
  type InboxState,
  inboxStep,
  MOST_WAITING,
  type QueuedMessage,
} from "./inbox.ts";

const message = (seq: number, id = `m${seq}`): QueuedMessage => ({ id, seq, rule: "chat", content: "x" });
const arrives = (seq: number, handled = false): InboxInput => ({ type: "message", message: message(seq), handled });
const listening: InboxState = { ...emptyInbox, listening: true };

/** The state after all inputs, and what the last one led to. */
function after(state: InboxState, ...inputs: InboxInput[]): { state: InboxState; effects: readonly InboxEffect[] } {
  let step: { state: InboxState; effects: readonly InboxEffect[] } = { state, effects: [] };
  for (const input of inputs) step = inboxStep(step.state, input);
  return step;
}
const ok: InboxInput = { type: "handled", ok: true };
const fails: InboxInput = { type: "handled", ok: false };
const remembered: InboxInput = { type: "remembered" };
const pauseOver: InboxInput = { type: "pause_over" };
const ended: InboxInput = { type: "session_ended" };

test("a message is handled, then remembered, then acked, and only then the next begins", () => {
  const both = after(listening, arrives(1), arrives(2));
  expect(both.effects).toEqual([]);
  const handled = after(both.state, ok);
  expect(handled.effects).toEqual([{ type: "remember", id: "m1" }]);
  expect(after(handled.state, remembered).effects).toEqual([
    { type: "answer", id: "m1", status: "accepted" },
    { type: "handle", message: message(2), again: false },
  ]);
});

test("a message that was handled before is acked and not handled", () => {
  expect(after(listening, arrives(1, true)).effects).toEqual([{ type: "answer", id: "m1", status: "accepted" }]);
});

test("without a listener a message waits unacked, which is told once", () => {
  const first = after(emptyInbox, arrives(1));
  expect(first.effects).toEqual([{ type: "warn_unheard" }]);
  const second = after(first.state, arrives(2));
  expect(second.effects).toEqual([]);
  expect(after(second.state, { type: "listeners", any: true }).effects).toEqual([
    { type: "handle", message: message(1), again: false },
  ]);
});

test("a message whose only listener is removed before its turn waits for another one", () => {
  const gone = after(listening, arrives(1), { type: "listeners", any: false }, { type: "unheard" });
  expect(gone.effects).toEqual([]);
  expect(after(gone.state, { type: "listeners", any: true }).effects).toEqual([
    { type: "handle", message: message(1), again: false },
  ]);
});

test("a message that fails is tried five times with waits that double, then rejected; the next waits for it", () => {
  let step = after(listening, arrives(1), arrives(2));
  for (let tries = 1; tries < HANDLER_TRIES; tries += 1) {
    step = after(step.state, fails);
    expect(step.effects).toEqual([{ type: "pause", ms: FIRST_RETRY_MS * 2 ** (tries - 1) }]);
    step = after(step.state, pauseOver);
    expect(step.effects).toEqual([{ type: "handle", message: message(1), again: true }]);
  }
  step = after(step.state, fails);
  expect(step.effects).toEqual([
    { type: "emit", emission: { name: "message_failed", value: { id: "m1", seq: 1, rule: "chat", tries: 5 } } },
    { type: "answer", id: "m1", status: "rejected" },
    { type: "handle", message: message(2), again: false },
  ]);
  // Its rejection may be lost with the connection.
  step = after(step.state, ok, remembered, ended);
  expect(after(step.state, arrives(1)).effects).toEqual([{ type: "answer", id: "m1", status: "rejected" }]);
  // A dead letter that is sent again is another chance.
  const again: InboxInput = { type: "message", message: message(9, "m1"), handled: false };
  expect(after(step.state, again).effects).toEqual([{ type: "handle", message: message(9, "m1"), again: false }]);
});

test("what ends after its session is remembered and acked when it comes again, whenever that is", () => {
  const lost = after(listening, arrives(1), arrives(2), ended);
  expect(lost.state.waiting).toEqual([message(1)]);
  const early = after(lost.state, arrives(1), arrives(2), ok, remembered);
  expect(early.effects[0]).toEqual({ type: "answer", id: "m1", status: "accepted" });
  const late = after(lost.state, ok, remembered);
  expect(late.effects).toEqual([]);
  expect(after(late.state, arrives(1, true)).effects).toEqual([{ type: "answer", id: "m1", status: "accepted" }]);
});

test("a wait for another try ends with the session, and is waited anew when the message comes again", () => {
  const over = after(listening, arrives(1), fails, ended);
  expect(over.effects).toEqual([{ type: "end_pause" }]);
  expect(after(over.state, pauseOver).effects).toEqual([]);
  expect(after(over.state, arrives(1)).effects).toEqual([{ type: "pause", ms: FIRST_RETRY_MS }]);
});

test("a gap is told once, and again when it has grown", () => {
  const gap = (toSeq: number): InboxInput => ({ type: "gap", gap: { fromSeq: 3, toSeq, reason: "expired" } });
  const told = after(listening, gap(5));
  expect(told.effects).toHaveLength(1);
  expect(after(told.state, ended, gap(5)).effects).toEqual([]);
  expect(after(told.state, gap(6)).effects).toHaveLength(1);
});

test("a gap that grew downwards is told, and one where the server counts anew is", () => {
  const gap = (fromSeq: number): InboxInput => ({ type: "gap", gap: { fromSeq, toSeq: 5, reason: "expired" } });
  const told = after(listening, gap(3));
  expect(after(told.state, gap(2)).effects).toHaveLength(1);
  expect(after(told.state, arrives(4), gap(3)).effects).toContainEqual(expect.objectContaining({ type: "emit" }));
});

test("a node that sends without end is left, and what it sent is not kept", () => {
  let state = listening;
  for (let seq = 1; seq <= MOST_WAITING; seq += 1) state = after(state, arrives(seq)).state;
  const over = after(state, arrives(MOST_WAITING + 1));
  expect(over.effects).toEqual([{ type: "overrun" }]);
  expect(over.state.waiting).toHaveLength(MOST_WAITING);
});

type Happening = "queue" | "connect" | "cut" | "down" | "up" | "ok" | "fail" | "remembered" | "pause_over" | "restart";
const WINDOW = 4;

/** A node with a queue, a follower, and the connection between them, which keeps the order and can be cut. */
class World {
  readonly #queue: QueuedMessage[] = [];
  #sent = 0;
  #seq = 0;
  #connected = false;
  #down: QueuedMessage[] = [];
  #up: { id: string; status: string }[] = [];
  #inbox = listening;
  readonly #durable = new Set<string>();
  #memory = new Set<string>();
  #pending = new Set<string>();
  readonly handled: number[] = [];
  readonly acked: number[] = [];
  readonly rejected: number[] = [];

  happen(what: Happening): void {
    switch (what) {
      case "queue":
        this.#seq += 1;
        this.#queue.push(message(this.#seq));
        this.#fill();
        return;
      case "connect":
        this.#connected = true;
        this.#fill();
        return;
      case "cut":
        this.#cut();
        this.#step(ended);
        return;
      case "down": {
        const next = this.#down.shift();
        if (next !== undefined) this.#step({ type: "message", message: next, handled: this.#memory.has(next.id) });
        return;
      }
      case "up": {
        const answer = this.#up.shift();
        if (answer !== undefined) this.#settle(answer.id, answer.status);
        return;
      }
      case "ok":
      case "fail":
        if (!this.#pending.delete("handle")) return;
        if (what === "ok") this.handled.push(this.#inbox.waiting[0]?.seq ?? 0);
        this.#step(what === "ok" ? ok : fails);
        return;
      case "remembered":
        if (this.#pending.delete("remember")) this.#step(remembered);
        return;
      case "pause_over":
        if (this.#pending.delete("pause")) this.#step(pauseOver);
        return;
      case "restart":
        this.#cut();
        this.#inbox = listening;
        this.#memory = new Set(this.#durable);
        this.#pending.clear();
        return;
    }
  }

  /** Everything comes to its end. */
  drain(): void {
    this.happen("connect");
    for (let round = 0; round < 400; round += 1) {
      for (const what of ["down", "pause_over", "ok", "remembered", "up"] as const) this.happen(what);
    }
  }

  get left(): number {
    return this.#queue.length;
  }

  get count(): number {
    return this.#seq;
  }

  #fill(): void {
    if (!this.#connected) return;
    while (this.#sent < Math.min(this.#queue.length, WINDOW)) {
      const next = this.#queue[this.#sent];
      if (next === undefined) return;
      this.#sent += 1;
      this.#down.push(next);
    }
  }

  #cut(): void {
    this.#connected = false;
    this.#sent = 0;
    this.#down = [];
    this.#up = [];
  }

  #settle(id: string, status: string): void {
    const at = this.#queue.findIndex((queued) => queued.id === id);
    if (at < 0) return;
    const [settled] = this.#queue.splice(at, 1);
    this.#sent -= 1;
    (status === "accepted" ? this.acked : this.rejected).push(settled?.seq ?? 0);
    this.#fill();
  }

  #step(input: InboxInput): void {
    const { state, effects } = inboxStep(this.#inbox, input);
    this.#inbox = state;
    for (const effect of effects) {
      if (effect.type === "handle") this.#pending.add("handle");
      if (effect.type === "pause") this.#pending.add("pause");
      if (effect.type === "end_pause") this.#pending.delete("pause");
      if (effect.type === "answer" && this.#connected) this.#up.push(effect);
      if (effect.type === "remember") {
        this.#memory.add(effect.id);
        this.#durable.add(effect.id);
        this.#pending.add("remember");
      }
    }
  }
}

test("whatever is cut or restarted: nothing is handled twice, nothing acked unhandled, nothing lost, the order kept", () => {
  const happening = fc.constantFrom<Happening>(
    ...([
      "queue",
      "queue",
      "connect",
      "connect",
      "down",
      "down",
      "down",
      "up",
      "up",
      "ok",
      "ok",
      "remembered",
    ] as const),
    ...(["remembered", "fail", "pause_over", "cut", "restart"] as const),
  );
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 150 }), (happenings) => {
      const world = new World();
      for (const what of happenings) {
        world.happen(what);
        expect(world.acked.every((seq) => world.handled.includes(seq))).toBe(true);
      }
      world.drain();
      expect(world.left).toBe(0);
      expect(new Set(world.handled).size).toBe(world.handled.length);
      expect(world.handled).toEqual([...world.handled].sort((a, b) => a - b));
      expect([...world.acked, ...world.rejected].length).toBe(world.count);
      expect(new Set([...world.handled, ...world.rejected]).size).toBe(world.count);
    }),
    { numRuns: 1_000 },
  );
});
