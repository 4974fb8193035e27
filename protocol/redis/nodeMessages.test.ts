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
  it("is a message, whatever its frame holds, and says whether a record is kept of it", () => {
    fc.assert(
      fc.property(
        epoch,
        field,
        field,
        field,
        fc.boolean(),
        anyText,
        (at, messageId, senderId, identifier, recorded, frame) => {
          const flag = recorded ? " r" : "";
          expect(parseNodeCommand(`m ${at} ${messageId} ${senderId} ${identifier}${flag}\n${frame}`)).toEqual({
            kind: "deliver",
            epoch: at,
            messageId,
            senderId,
            identifier,
            recorded,
            frame,
          });
        },
      ),
    );
  });

  it("is a batch of messages of one sender, whatever their frames hold", () => {
    const message = fc.record({ epoch, messageId: field, identifier: field, frame: anyText });
    fc.assert(
      fc.property(field, fc.array(message, { minLength: 1, maxLength: 5 }), (senderId, messages) => {
        const texts = messages.map(
          ({ epoch: at, messageId, identifier, frame }) => `${at} ${messageId} ${frame.length} ${identifier}\n${frame}`,
        );
        expect(parseNodeCommand(`b ${senderId}\n${texts.join("")}`)).toEqual({
          kind: "batch",
          deliveries: messages.map((each) => ({ kind: "deliver", senderId, recorded: false, ...each })),
        });
      }),
    );
  });

  it("is a queued message, with or without somebody who waits", () => {
    fc.assert(
      fc.property(epoch, epoch, field, field, field, anyText, (at, seq, messageId, sender, identifier, frame) => {
        const queued = { kind: "queued", epoch: at, seq, messageId, identifier, frame };
        const senderId = sender === "-" ? "somebody" : sender;
        const head = `q ${at} ${seq} ${messageId}`;
        expect(parseNodeCommand(`${head} ${senderId} ${identifier}\n${frame}`)).toEqual({ ...queued, senderId });
        expect(parseNodeCommand(`${head} - ${identifier}\n${frame}`)).toEqual({ ...queued, senderId: "" });
      }),
    );
  });

  it("is a close, a status, a notice, gaps or a canary", () => {
    expect(parseNodeCommand("g alice 7")).toEqual({ kind: "gaps", identifier: "alice", epoch: 7 });
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
      kind: "pairing",
      connectionId: "connection-1",
      pairingId: "pairing-1",
      result: "failed",
    });
    expect(parseNodeCommand("p connection-1 pairing-1 void")).toMatchObject({ kind: "pairing", result: "void" });
    expect(parseNodeCommand(encodeCanary("token"))).toEqual({ kind: "canary", token: "token" });
  });

  it.each([
    "",
    "m",
    "x",
    "m 1 2 3",
    "m 1 2 3 alice",
    "m 1 2 3\nalice bob carol",
    "m 1 2 3 \nx",
    "m 1  3 alice\nx",
    "m one 2 3 alice\nx",
    "m 99999999999999999 2 3 alice\nx",
    "m 1 2 3 alice z\nx",
    "b",
    "b sender",
    "b sender\n",
    "b \n1 2 1 alice\nx",
    "b two senders\n1 2 1 alice\nx",
    "b sender\n1 2 2 alice\nx",
    "b sender\n1 2 1 alice\nxy",
    "b sender\n1 2 -1 alice\nx",
    "b sender\n1 2 1 \nx",
    "b sender\n1 2 1 alice",
    "q 1 2 3 4 alice",
    "q 1 two 3 4 alice\nx",
    "q 1 2 3 4\nx",
    "q 1 2 3  alice\nx",
    "g alice",
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
        .tuple(
          fc.constantFrom("m", "b", "q", "g", "x", "s", "p", "c"),
          fc.array(fc.oneof(anyText, field), { maxLength: 6 }),
        )
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
    const outcome = fc.constantFrom<ReceiptOutcome>(
      "delivered",
      "stale",
      "overloaded",
      "written",
      "acked",
      "expired",
      "rejected",
    );
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
