import type { QueueRead, Settlement, SettleOutcome } from "@yonexus/protocol/redis";
import { parseNodeFrame } from "@yonexus/protocol/wire";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { QueuedMessage } from "./deliveryWindow.ts";
import type { ConnectionEvent } from "./event.ts";
import { QueueDelivery, type QueueLink, type QueueServices } from "./queueDelivery.ts";

const message = (seq: number): QueuedMessage => ({ seq, messageId: `m${seq}`, senderId: "s", frame: `chat::${seq}` });
const NOTHING: QueueRead = { messages: [], gaps: [], more: false };

/** A session whose socket and whose Redis do what a test says. */
class Session implements QueueLink, QueueServices {
  readonly nodeId = "node";
  readonly sent: string[] = [];
  readonly settled: string[] = [];
  readonly receipts: string[] = [];
  readonly events: ConnectionEvent[] = [];
  readonly forgotten: number[] = [];
  readonly failures: unknown[] = [];
  found: QueueRead | Error = NOTHING;
  reads = 0;
  outcome: SettleOutcome | Error = "settled";
  isFull = false;
  readonly #unwritten: ((error?: Error | null) => void)[] = [];

  readonly clock = { seconds: () => 1_800_000_000 };

  readonly queue = {
    read: async (_identifier: string, afterSeq: number) => {
      this.reads += 1;
      if (this.found instanceof Error) throw this.found;
      const messages = this.found.messages.filter(({ seq }) => seq > afterSeq);
      // It says that there is more once: then nothing is there.
      if (messages.length === 0 && this.found.more) throw new Error("Nothing more is scripted.");
      return { ...this.found, messages };
    },
    settle: async ({ messageId, outcome, isNewTry }: Settlement) => this.#settle(messageId, outcome, isNewTry),
    reject: async ({ messageId, reason, isNewTry }: { messageId: string; reason: string; isNewTry: boolean }) =>
      this.#settle(messageId, `rejected ${reason}`, isNewTry),
    forgetGaps: async (_identifier: string, _epoch: number, upToSeq: number) => void this.forgotten.push(upToSeq),
  };

  receipt(senderId: string, { messageId, outcome }: { messageId: string; outcome: string }): void {
    this.receipts.push(`${senderId} ${messageId} ${outcome}`);
  }

  failed = (error: unknown): void => void this.failures.push(error);

  hasRoom(): boolean {
    return !this.isFull;
  }

  sendQueued(frame: string, onWritten: (error?: Error | null) => void): void {
    this.tell(frame);
    this.#unwritten.push(onWritten);
  }

  tell(frame: string): void {
    const parsed = parseNodeFrame(frame);
    const isMessage = parsed.kind === "builtin" && parsed.message.type === "message";
    this.sent.push(isMessage ? parsed.message.payload.id : parsed.kind === "builtin" ? parsed.message.type : frame);
  }

  apply(event: ConnectionEvent): void {
    this.events.push(event);
  }

  /** The socket takes what it was handed, or fails at it. */
  write(error?: Error): void {
    for (const onWritten of this.#unwritten.splice(0)) onWritten(error);
  }

  #settle(messageId: string, outcome: string, isNewTry: boolean): SettleOutcome {
    this.settled.push(`${messageId} ${outcome}${isNewTry ? " new" : ""}`);
    if (this.outcome instanceof Error) throw this.outcome;
    return this.outcome;
  }
}

let session: Session;
beforeEach(() => {
  vi.useFakeTimers();
  session = new Session();
});
afterEach(() => vi.useRealTimers());

const open = (queue = { lastSeq: 0, waiting: 0, gaps: 0 }, acks = true) =>
  new QueueDelivery({ identifier: "alice", epoch: 5, acks }, queue, session, session);
/** Lets happen what happens by itself. */
const turn = () => vi.advanceTimersByTimeAsync(1);

describe("the receipts of a queued message", () => {
  it("say that it was written, then that it was acked", async () => {
    const delivery = open();
    delivery.queued(message(1));
    expect(session.receipts).toEqual([]);
    session.write();
    expect(session.receipts).toEqual(["s m1 written"]);
    delivery.answered("m1", undefined, undefined);
    await turn();
    expect(session.receipts).toEqual(["s m1 written", "s m1 acked"]);
    expect(session.settled).toEqual(["m1 acked new"]);
  });

  it("say only that it was acked when the ack is here before the socket says that it took it", async () => {
    const delivery = open();
    delivery.queued(message(1));
    delivery.answered("m1", undefined, undefined);
    session.write();
    await turn();
    expect(session.receipts).toEqual(["s m1 acked"]);
  });

  it("say of a follower without acks that it was delivered, once it left the queue", async () => {
    open(undefined, false).queued(message(1));
    session.write();
    expect(session.receipts).toEqual([]);
    await turn();
    expect([session.sent, session.settled, session.receipts]).toEqual([
      ["chat::1"],
      ["m1 sent new"],
      ["s m1 delivered"],
    ]);
  });

  it.each(["already", "unknown"] as const)("say nothing more when it turns out to be settled: %s", async (outcome) => {
    session.outcome = outcome;
    const delivery = open();
    delivery.queued(message(1));
    delivery.answered("m1", undefined, undefined);
    await turn();
    expect([session.receipts, session.events]).toEqual([[], []]);
    expect(delivery.idleAt).toBe(1);
  });
});

describe("a message without an ack", () => {
  it("is noted as written after a quarter of a second, once, and its ack counts no second try", async () => {
    const delivery = open();
    delivery.queued(message(1));
    session.write();
    await vi.advanceTimersByTimeAsync(200);
    delivery.queued(message(2));
    session.write();
    await vi.advanceTimersByTimeAsync(60);
    expect(session.settled).toEqual(["m1 written new"]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(session.settled).toEqual(["m1 written new", "m2 written new"]);
    delivery.answered("m1", "no", undefined);
    expect(session.settled.at(-1)).toBe("m1 rejected no");
  });

  it("is noted again when Redis did not take the note", async () => {
    const delivery = open();
    delivery.queued(message(1));
    session.write();
    session.outcome = new Error("Redis is away");
    await vi.advanceTimersByTimeAsync(300);
    session.outcome = "settled";
    await vi.advanceTimersByTimeAsync(1_300);
    expect(session.settled).toEqual(["m1 written new", "m1 written new"]);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(session.settled).toHaveLength(2);
    delivery.stop();
  });

  it("is noted when its session ends before, unless the socket never took it", () => {
    const delivery = open();
    delivery.queued(message(1));
    session.write();
    delivery.queued(message(2));
    delivery.stop();
    session.write();
    expect(session.settled).toEqual(["m1 written new"]);
  });
});

describe("an answer that Redis does not take", () => {
  it("is given again after a second, until it is taken", async () => {
    const delivery = open();
    delivery.queued(message(1));
    session.outcome = new Error("away");
    delivery.answered("m1", undefined, undefined);
    await vi.advanceTimersByTimeAsync(2_100);
    expect(session.settled).toEqual(Array(3).fill("m1 acked new"));
    expect(delivery.idleAt).toBeUndefined();
    session.outcome = "settled";
    await vi.advanceTimersByTimeAsync(1_000);
    expect(session.receipts).toEqual(["s m1 acked"]);
    expect(session.failures).toHaveLength(3);
  });

  it("because another epoch owns the session is said once, and nothing is sent until that is known", async () => {
    const delivery = open();
    for (const seq of [1, 2]) delivery.queued(message(seq));
    session.outcome = "stale";
    for (const seq of [1, 2]) delivery.answered(`m${seq}`, undefined, undefined);
    await turn();
    expect(session.events).toEqual([{ type: "settledStale" }]);
    delivery.queued(message(3));
    await turn();
    expect([session.sent, session.reads]).toEqual([["m1", "m2"], 0]);

    session.outcome = "settled";
    session.found = { messages: [message(3)], gaps: [], more: false };
    delivery.resume({ lastSeq: 3, waiting: 3, gaps: 0 });
    await turn();
    expect(session.sent).toEqual(["m1", "m2", "m3"]);
    expect(session.receipts).toEqual(["s m1 acked", "s m2 acked"]);
  });
});

describe("a session that leaves", () => {
  it("is sent nothing more of its queue, and what it acks is settled", async () => {
    const delivery = open();
    delivery.queued(message(1));
    delivery.leave();
    delivery.queued(message(2));
    delivery.fallBehind();
    await turn();
    delivery.answered("m1", undefined, undefined);
    await turn();
    expect([session.sent, session.reads, session.settled]).toEqual([["m1"], 0, ["m1 acked new"]]);
  });
});

describe("a read", () => {
  it("that fails is made again after a second", async () => {
    session.found = new Error("away");
    open({ lastSeq: 1, waiting: 1, gaps: 0 });
    await vi.advanceTimersByTimeAsync(500);
    expect(session.reads).toBe(1);
    session.found = { messages: [message(1)], gaps: [], more: false };
    await vi.advanceTimersByTimeAsync(1_000);
    expect([session.reads, session.sent]).toEqual([2, ["m1"]]);
  });

  it("is made once for the acks of one turn", async () => {
    session.found = { messages: Array.from({ length: 64 }, (_, index) => message(index + 1)), gaps: [], more: true };
    const delivery = open({ lastSeq: 100, waiting: 100, gaps: 0 });
    await turn();
    expect([session.reads, session.sent.length]).toEqual([1, 64]);
    session.found = NOTHING;
    for (let seq = 1; seq <= 30; seq++) delivery.answered(`m${seq}`, undefined, undefined);
    await turn();
    expect(session.reads).toBe(2);
  });

  it("waits while the send buffer is full of other things, and goes on when there is room", async () => {
    session.isFull = true;
    session.found = { messages: [message(1)], gaps: [], more: false };
    open({ lastSeq: 1, waiting: 1, gaps: 0 });
    await vi.advanceTimersByTimeAsync(120);
    expect(session.sent).toEqual([]);
    session.isFull = false;
    await vi.advanceTimersByTimeAsync(60);
    expect(session.sent).toEqual(["m1"]);
  });

  it("goes on as soon as the socket took one of its own, when these filled the buffer", async () => {
    const delivery = open();
    delivery.queued(message(1));
    session.isFull = true;
    delivery.queued(message(2));
    session.isFull = false;
    session.found = { messages: [message(2)], gaps: [], more: false };
    session.write();
    await turn();
    expect(session.sent).toEqual(["m1", "m2"]);
  });
});

describe("a gap", () => {
  const gaps = [{ fromSeq: 2, toSeq: 3, reason: "expired" }] as const;

  it("is told before what follows it, once, and forgotten by the answer to a message after it, not to one before it", async () => {
    session.found = { messages: [message(1), message(4)], gaps, more: false };
    const delivery = open({ lastSeq: 4, waiting: 2, gaps: 1 });
    await turn();
    expect(session.sent).toEqual(["m1", "gap", "m4"]);
    delivery.fallBehind();
    await turn();
    expect(session.sent).toHaveLength(3);
    delivery.answered("m1", undefined, undefined);
    expect(session.forgotten).toEqual([]);
    delivery.answered("m4", undefined, undefined);
    expect(session.forgotten).toEqual([3]);
  });

  it("beyond what was read waits for the rest", async () => {
    session.found = { messages: [message(1)], gaps, more: true };
    open({ lastSeq: 4, waiting: 2, gaps: 1 });
    await turn();
    expect(session.sent[0]).toBe("m1");
    expect(session.sent).not.toContain("gap");
  });

  it("that it missed the word of is told when the session is asserted", async () => {
    const delivery = open();
    await turn();
    session.found = { messages: [], gaps, more: false };
    delivery.resume({ lastSeq: 0, waiting: 0, gaps: 1 });
    await turn();
    expect(session.sent).toEqual(["gap"]);
  });

  it("is forgotten at once where the follower cannot be told", async () => {
    session.found = { messages: [message(4)], gaps, more: false };
    open({ lastSeq: 4, waiting: 1, gaps: 1 }, false);
    await turn();
    expect([session.sent, session.forgotten]).toEqual([["chat::4"], [3]]);
  });
});

describe("a socket that fails", () => {
  it("takes nothing for written after the first failure: its callbacks may come in another order", async () => {
    const delivery = open(undefined, false);
    for (const seq of [1, 2]) delivery.queued(message(seq));
    session.write(new Error("closed"));
    delivery.queued(message(3));
    session.write();
    await turn();
    expect([session.settled, session.receipts]).toEqual([[], []]);
  });
});

describe("what a session keeps of its queue", () => {
  it("stays while a failed read is to be tried again", async () => {
    session.found = new Error("Redis is away");
    const delivery = open({ lastSeq: 1, waiting: 1, gaps: 0 });
    await turn();
    session.found = NOTHING;
    delivery.fallBehind();
    await turn();
    expect(delivery.idleAt).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1_500);
    expect(delivery.idleAt).toBeDefined();
  });

  it("can be let go of when all was settled", async () => {
    const delivery = open();
    await turn();
    expect(delivery.idleAt).toBe(0);
    delivery.queued(message(1));
    expect(delivery.idleAt).toBeUndefined();
    session.write();
    delivery.answered("m1", undefined, undefined);
    await vi.advanceTimersByTimeAsync(300);
    expect(delivery.idleAt).toBe(1);
  });
});
