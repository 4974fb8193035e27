import { beforeEach, describe, expect, it } from "vitest";
import { WINDOW } from "./deliveryWindow.ts";
import { InboundRate } from "./inboundRate.ts";

const ACK = 'builtin::{"type":"message_ack","payload":{"id":"m-1"}}';
let rate: InboundRate;
beforeEach(() => {
  rate = new InboundRate(10, 2, 0);
});

describe("an ack", () => {
  it("that was asked for does not count, and one more does", () => {
    rate.askedForAck();
    expect([rate.takeAck(ACK), rate.takeAck(ACK)]).toEqual([true, false]);
    expect([rate.count(0), rate.count(0), rate.count(0)]).toEqual(["within", "within", "over"]);
  });

  it("is known however a program writes it, and nothing else is taken for one", () => {
    const acks = [
      ACK,
      'builtin:: { "type" : "message_ack" , "payload" : { "id" : "m-1" } }',
      'builtin::{"payload":{"id":"m-1"},"requestId":"r","type":"message_ack"}',
    ];
    const others = [
      "chat::hello",
      'chat::builtin::{"type":"message_ack"}',
      'builtin::{"payload":{"id":"m-1","rule":"chat","content":"\\"message_ack\\""},"type":"message"}',
      'builtin::{"payload":{"identifier":"message_ack","status":"alive"},"type":"heartbeat"}',
      'builtin::{"payload":{"id":"not an id"},"type":"message_ack"}',
    ];
    for (let count = 0; count < acks.length; count++) rate.askedForAck();
    expect(others.map((text) => rate.takeAck(text))).toEqual(others.map(() => false));
    expect(acks.map((text) => rate.takeAck(text))).toEqual(acks.map(() => true));
  });

  it("is due for as many messages as can be without one, and for no more", () => {
    for (let count = 0; count < 1_000; count++) rate.askedForAck();
    let taken = 0;
    while (rate.takeAck(ACK)) taken += 1;
    expect(taken).toBe(WINDOW.messages);
  });
});

describe("a rate", () => {
  it("is as good as new when nothing is owed and the burst is whole again", () => {
    expect(rate.isRested(0)).toBe(true);
    rate.count(0);
    expect([rate.isRested(0), rate.isRested(99), rate.isRested(100)]).toEqual([false, false, true]);
    rate.askedForAck();
    expect(rate.isRested(1_000)).toBe(false);
  });

  it("that was exceeded is not forgotten by waiting: who goes on so is cut off", () => {
    for (let count = 0; count < 3; count++) rate.count(0);
    expect(rate.isRested(60_000)).toBe(false);
  });
});
