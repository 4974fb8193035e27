import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Outbox } from "./outbox.ts";
import type { Transport } from "./transport.ts";

/** A socket whose buffer is full as a test says. */
class FakeTransport implements Transport {
  bufferedAmount = 0;
  readonly sent: string[] = [];
  failure: Error | undefined;

  send(frame: string, onWritten?: (error?: Error | null) => void): void {
    this.sent.push(frame);
    onWritten?.(this.failure);
  }

  close(): void {}
  terminate(): void {}
  ping(): void {}
  pause(): void {}
  resume(): void {}
}

let transport: FakeTransport;
let slow: number;
let outbox: Outbox;
beforeEach(() => {
  vi.useFakeTimers();
  transport = new FakeTransport();
  slow = 0;
  outbox = new Outbox(transport, 100, {
    slow: () => {
      slow += 1;
    },
  });
});
afterEach(() => vi.useRealTimers());

const outcomeOf = (frame: string) => {
  const outcomes: string[] = [];
  const delivery = {
    kind: "deliver",
    identifier: "alice",
    epoch: 5,
    messageId: "m",
    senderId: "s",
    recorded: false,
  } as const;
  outbox.deliver({ ...delivery, frame }, (_delivery, outcome) => outcomes.push(outcome));
  return outcomes;
};

describe("the outbox", () => {
  it("delivers what there is room for, to the last byte, and refuses the rest as overloaded", () => {
    transport.bufferedAmount = 60;
    expect(outcomeOf("x".repeat(40))).toEqual(["delivered"]);
    expect(outcomeOf("x".repeat(41))).toEqual(["overloaded"]);
    expect(transport.sent).toHaveLength(1);
  });

  it("calls a message stale that the socket did not take: it may be routed again", () => {
    transport.failure = new Error("closed");
    expect(outcomeOf("x")).toEqual(["stale"]);
  });

  it("has room for what can wait in half of the buffer, and in an empty one whatever its size", () => {
    transport.bufferedAmount = 10;
    expect([outbox.hasRoom(40), outbox.hasRoom(41)]).toEqual([true, false]);
    transport.bufferedAmount = 0;
    expect(outbox.hasRoom(1_000)).toBe(true);
  });

  it("gives a full buffer five seconds to drain", () => {
    transport.bufferedAmount = 100;
    outcomeOf("x");
    outcomeOf("x");
    vi.advanceTimersByTime(4_999);
    expect(slow).toBe(0);
    vi.advanceTimersByTime(1);
    expect(slow).toBe(1);
  });

  it("spares a follower whose buffer drained meanwhile, and looks again when it is full again", () => {
    transport.bufferedAmount = 100;
    outcomeOf("x");
    transport.bufferedAmount = 50;
    vi.advanceTimersByTime(60_000);
    expect(slow).toBe(0);
    transport.bufferedAmount = 100;
    outcomeOf("x");
    vi.advanceTimersByTime(5_000);
    expect(slow).toBe(1);
  });

  it("ends with a follower that does not even read its answers", () => {
    transport.bufferedAmount = 100;
    outbox.answer("x");
    expect(slow).toBe(1);
    expect(transport.sent).toEqual([]);
  });

  it("watches nothing once it is stopped", () => {
    transport.bufferedAmount = 100;
    outcomeOf("x");
    outbox.stop();
    vi.advanceTimersByTime(60_000);
    expect(slow).toBe(0);
  });
});
