import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeCanary, encodeReceipts, parseNodeCommand, parseReceipts, type ReceiptOutcome } from "./nodeMessages.ts";

/** Any well-formed text. Quicker to make than fast-check's own units, of which a test may need thousands. */
const anyText = fc
  .array(fc.integer({ min: 0, max: 0x10ffff }), { maxLength: 40 })
  .map((points) => String.fromCodePoint(...points));
const field = fc
  .array(fc.constantFrom(..."abcXYZ019._-"), { minLength: 1, maxLength: 64 })
  .map((characters) => characters.join(""));
const epoch = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });

describe("what a node is told", () => {
  it("is a message, whatever its frame holds", () => {
    fc.assert(
      fc.property(epoch, field, field, field, anyText, (at, messageId, senderId, identifier, frame) => {
        expect(parseNodeCommand(`m ${at} ${messageId} ${senderId} ${identifier}\n${frame}`)).toEqual({
          kind: "deliver",
          epoch: at,
          messageId,
          senderId,
          identifier,
          frame,
        });
      }),
    );
  });

  it("is a close, a status, a notice or a canary", () => {
    expect(parseNodeCommand("x alice 1700000000000 session_replaced")).toEqual({
      kind: "close",
      identifier: "alice",
      epoch: 1_700_000_000_000,
      reason: "session_replaced",
    });
    expect(parseNodeCommand("s alice 7 unstable")).toEqual({
      kind: "status",
      identifier: "alice",
      epoch: 7,
      status: "unstable",
    });
    expect(parseNodeCommand("p connection-1 pairing-1 failed")).toEqual({
      kind: "notice",
      connectionId: "connection-1",
      pairingId: "pairing-1",
      result: "failed",
    });
    expect(parseNodeCommand("p connection-1 pairing-1 void")).toMatchObject({ kind: "notice", result: "void" });
    expect(parseNodeCommand(encodeCanary("token"))).toEqual({ kind: "canary", token: "token" });
  });

  it.each([
    "",
    "m",
    "x",
    "m 1 2 3",
    "m 1 2 3 alice",
    "x alice",
    "x alice 1",
    "x alice 1 no_such_reason",
    "x alice 1 constructor",
    "s alice 1 asleep",
    "p connection pairing lost",
    "z something new",
  ])("is ignored in a form that this version does not know: %j", (text) => {
    expect(parseNodeCommand(text)).toBeUndefined();
  });

  it("never throws, for any text", () => {
    const anything = fc.oneof(
      anyText,
      fc
        .tuple(fc.constantFrom("m", "x", "s", "p", "c"), fc.array(anyText, { maxLength: 6 }))
        .map(([letter, fields]) => [letter, ...fields].join(" ")),
    );
    fc.assert(
      fc.property(anything, (text) => {
        parseNodeCommand(text);
        parseReceipts(text);
      }),
    );
  });
});

describe("receipts", () => {
  it("are read as they were written, however many share a text", () => {
    const outcome = fc.constantFrom<ReceiptOutcome>("delivered", "stale", "overloaded");
    fc.assert(
      fc.property(fc.array(fc.record({ messageId: field, outcome })), (receipts) => {
        expect(parseReceipts(encodeReceipts(receipts))).toEqual(receipts);
      }),
    );
  });

  it("of an unknown kind are left out, and the others count", () => {
    expect(parseReceipts("d one\n? two\nd\nd \ns three\n")).toEqual([
      { messageId: "one", outcome: "delivered" },
      { messageId: "three", outcome: "stale" },
    ]);
  });
});
