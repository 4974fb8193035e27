import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DeliveryWindow, type InFlight, type QueuedMessage, WINDOW } from "./deliveryWindow.ts";

const message = (seq: number, messageId = `m${seq}`): QueuedMessage => ({
  seq,
  messageId,
  senderId: "",
  frame: "chat::x",
});

/** A queue as Redis holds it, and a session that is brought what is in it, one step after the other. */
class Delivery {
  readonly waiting = new Map<number, number>();
  readonly sent: number[] = [];
  lastSeq = 0;
  window: DeliveryWindow;
  unanswered: InFlight[] = [];
  #asked: { found: number[]; more: boolean } | undefined;

  constructor(before: number) {
    for (let count = 0; count < before; count++) this.enqueue(1);
    this.window = new DeliveryWindow(this.state);
  }

  get state() {
    return { lastSeq: this.lastSeq, waiting: this.waiting.size, gaps: 0 };
  }

  get unansweredBytes(): number {
    return this.unanswered.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  enqueue(bytes: number): number {
    this.lastSeq += 1;
    this.waiting.set(this.lastSeq, bytes);
    return this.lastSeq;
  }

  wake(seq: number): void {
    if (this.window.offer(seq) && !this.#send(seq)) this.window.heldBack();
  }

  /** Redis answers a read with what waits at that moment; the node hears of it later. */
  ask(): boolean {
    const range = this.#asked === undefined ? this.window.beginRead() : undefined;
    if (range === undefined) return false;
    const after = [...this.waiting.keys()].filter((seq) => seq > range.afterSeq);
    this.#asked = { found: after.slice(0, range.maxMessages), more: after.length > range.maxMessages };
    return true;
  }

  hear(): boolean {
    if (this.#asked === undefined) return false;
    const { found, more } = this.#asked;
    this.#asked = undefined;
    for (const seq of found) {
      if (this.window.passOver(message(seq)) || this.#send(seq)) continue;
      this.window.endRead("blocked");
      return true;
    }
    this.window.endRead(more ? "more" : "sent");
    return true;
  }

  fail(): void {
    if (this.#asked === undefined) return;
    this.#asked = undefined;
    this.window.endRead("failed");
  }

  /** The follower acks, and Redis settles it. */
  ack(which: number): boolean {
    const [acked] = this.unanswered.splice(which % Math.max(1, this.unanswered.length), 1);
    if (acked === undefined) return false;
    this.window.answered(acked, "acked");
    this.waiting.delete(acked.seq);
    this.window.settled(acked);
    return true;
  }

  #send(seq: number): boolean {
    const bytes = this.waiting.get(seq) ?? 1;
    if (!this.window.hasRoom(bytes)) return false;
    this.sent.push(seq);
    this.unanswered.push(this.window.sent(message(seq), bytes));
    return true;
  }
}

type Step =
  | { do: "enqueue"; bytes: number; heard: boolean }
  | { do: "ask" | "hear" | "fail" | "retry" | "compare" }
  | { do: "ack"; which: number };

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("enqueue" as const),
      bytes: fc.oneof({ weight: 9, arbitrary: fc.constant(100) }, fc.integer({ min: 1, max: WINDOW.bytes * 2 })),
      heard: fc.oneof({ weight: 9, arbitrary: fc.constant(true) }, fc.constant(false)),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom("ask" as const, "hear" as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("ack" as const), which: fc.nat({ max: 63 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("fail" as const, "retry" as const, "compare" as const) }) },
);

function take(delivery: Delivery, step: Step): void {
  switch (step.do) {
    case "enqueue": {
      const seq = delivery.enqueue(step.bytes);
      if (step.heard) delivery.wake(seq);
      return;
    }
    case "ask":
      delivery.ask();
      return;
    case "hear":
      delivery.hear();
      return;
    case "fail":
      delivery.fail();
      return;
    case "retry":
      delivery.window.fallBehind();
      return;
    case "compare":
      delivery.window.compare(delivery.state);
      return;
    case "ack":
      delivery.ack(step.which);
  }
}

/** Everything that would happen by itself: reads are answered, what was sent is acked. */
function comeToRest(delivery: Delivery): void {
  for (let rounds = 0; rounds < 10_000; rounds++) {
    const isBusy = [delivery.ask(), delivery.hear(), delivery.ack(0)].includes(true);
    if (!isBusy) return;
  }
  throw new Error("It never comes to rest.");
}

const anySteps = fc.array(anyStep, { maxLength: 300, size: "max" });

describe("the delivery of a queue", () => {
  it("sends every message once and in order, whatever wake-ups are lost, reads fail and acks are late", () => {
    fc.assert(
      fc.property(fc.nat({ max: 200 }), anySteps, (before, steps) => {
        const delivery = new Delivery(before);
        for (const step of steps) take(delivery, step);
        delivery.hear();
        // As it is done at times, and after every outage.
        delivery.window.compare(delivery.state);
        comeToRest(delivery);
        expect(delivery.sent).toEqual(Array.from({ length: delivery.lastSeq }, (_, index) => index + 1));
        expect(delivery.waiting.size).toBe(0);
        expect(delivery.window.idleAt).toBe(delivery.lastSeq);
      }),
      { numRuns: 300 },
    );
  });

  it("needs nobody to compare it with Redis while no wake-up is lost and no read fails", () => {
    fc.assert(
      fc.property(fc.nat({ max: 200 }), anySteps, (before, steps) => {
        const delivery = new Delivery(before);
        for (const step of steps) {
          if (step.do === "enqueue") take(delivery, { ...step, heard: true });
          else if (step.do === "ask" || step.do === "hear" || step.do === "ack") take(delivery, step);
        }
        comeToRest(delivery);
        expect(delivery.sent).toEqual(Array.from({ length: delivery.lastSeq }, (_, index) => index + 1));
        expect(delivery.window.idleAt).toBe(delivery.lastSeq);
      }),
      { numRuns: 300 },
    );
  });

  it("never has more unanswered than the window, but for one message that is larger than it, alone", () => {
    fc.assert(
      fc.property(fc.nat({ max: 200 }), anySteps, (before, steps) => {
        const delivery = new Delivery(before);
        for (const step of steps) {
          take(delivery, step);
          expect(delivery.unanswered.length).toBeLessThanOrEqual(WINDOW.messages);
          if (delivery.unanswered.length > 1) expect(delivery.unansweredBytes).toBeLessThanOrEqual(WINDOW.bytes);
        }
      }),
      { numRuns: 200 },
    );
  });

  it("needs no read while nothing waits and no wake-up is missed", () => {
    const delivery = new Delivery(0);
    for (let count = 0; count < 1_000; count++) {
      delivery.wake(delivery.enqueue(100));
      expect(delivery.ask()).toBe(false);
      delivery.ack(0);
    }
    expect(delivery.sent).toHaveLength(1_000);
  });

  it("begins after the last one of a queue in which nothing waits", () => {
    const window = new DeliveryWindow({ lastSeq: 7, waiting: 0, gaps: 0 });
    expect(window.beginRead()).toBeUndefined();
    expect([window.offer(7), window.offer(8)]).toEqual([false, true]);
  });

  it("knows from a read to the end that what it did not find was settled before, and takes the next one at once", () => {
    const window = new DeliveryWindow({ lastSeq: 7, waiting: 1, gaps: 0 });
    expect(window.beginRead()).toMatchObject({ afterSeq: 0 });
    window.sent(message(3), 1);
    window.endRead("sent");
    expect(window.beginRead()).toBeUndefined();
    expect(window.offer(8)).toBe(true);
  });

  it("does not ask again for what it has no room for, until there is some", () => {
    const window = new DeliveryWindow({ lastSeq: 100, waiting: 100, gaps: 0 });
    window.beginRead();
    const [first] = Array.from({ length: WINDOW.messages }, (_, index) => window.sent(message(index + 1), 1));
    window.endRead("more");
    expect(window.beginRead()).toBeUndefined();
    if (first !== undefined) window.answered(first, "acked");
    expect(window.beginRead()).toEqual({ afterSeq: 64, maxMessages: 1, maxBytes: WINDOW.bytes - 63 });
  });

  it("looks at all that waits when Redis is behind it: what is in flight is passed over, the rest is sent", () => {
    const window = new DeliveryWindow({ lastSeq: 0, waiting: 0, gaps: 0 });
    for (const seq of [1, 2, 3]) window.sent(message(seq), 1);
    window.compare({ lastSeq: 2, waiting: 2, gaps: 0 });
    expect(window.beginRead()).toMatchObject({ afterSeq: 0 });
    expect(window.passOver(message(1))).toBe(true);
    expect(window.passOver(message(2, "another"))).toBe(false);
    window.sent(message(2, "another"), 1);
    window.endRead("sent");
    expect(window.offer(3)).toBe(true);
  });

  it("finds a message that it has no mark of although no seq is missing, as after a failover", () => {
    const window = new DeliveryWindow({ lastSeq: 4, waiting: 0, gaps: 0 });
    window.compare({ lastSeq: 4, waiting: 0, gaps: 0 });
    expect(window.beginRead()).toBeUndefined();
    window.compare({ lastSeq: 4, waiting: 1, gaps: 0 });
    expect(window.beginRead()).toMatchObject({ afterSeq: 0 });
  });

  it("pays no heed to the answer of a read that was overtaken", () => {
    const window = new DeliveryWindow({ lastSeq: 9, waiting: 9, gaps: 0 });
    window.beginRead();
    for (let seq = 1; seq <= 9; seq++) window.sent(message(seq), 1);
    window.endRead("sent");
    window.fallBehind();
    window.beginRead();
    const { reading } = window;
    window.compare({ lastSeq: 5, waiting: 5, gaps: 0 });
    expect(window.reading).not.toBe(reading);
  });
});
