import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RecordError } from "./errors.ts";
import { MESSAGE_STATES, parseMessageRecord } from "./messageRecord.ts";

const instant = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 9_999_999_999_999 }));

describe("a packed record", () => {
  it("is read whole: instants that are not there are left out, and the reason may be any text", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...MESSAGE_STATES),
        fc.constantFrom("live", "queued", "early"),
        fc.tuple(instant, instant, instant, instant, instant),
        fc.nat(),
        fc.string({ unit: "binary" }),
        (state, delivery, [seq, expiresAt, routedAt, writtenAt, settledAt], tries, reason) => {
          const packed = `${state} ${delivery} ${seq} abcdefghijklmnop 12 77 ${expiresAt} ${routedAt} ${writtenAt} ${settledAt} ${tries} - ${reason}`;
          const given = Object.entries({ seq, expiresAt, routedAt, writtenAt, settledAt, reason });
          expect(parseMessageRecord("alice", "m-1", packed)).toEqual({
            messageId: "m-1",
            identifier: "alice",
            state,
            delivery: delivery === "live" ? "live" : "queued",
            bytes: 12,
            acceptedAt: 77,
            tries,
            ...Object.fromEntries(given.filter(([, value]) => value !== 0 && value !== "")),
          });
        },
      ),
    );
  });

  it("names the node that it got to", () => {
    const packed = "acked queued 3 abcdefghijklmnop 12 1 9 2 3 4 1 node-a ";
    expect(parseMessageRecord("alice", "m-1", packed)).toMatchObject({ node: "node-a", state: "acked", settledAt: 4 });
  });

  it.each(["", "lost queued 3 d 12 1 9 2 3 4 1 - ", "acked queued 3 d 12 1 9 2 3 x 1 - ", "acked queued 3"])(
    "of another form is refused: %j",
    (packed) => {
      expect(() => parseMessageRecord("alice", "m-1", packed)).toThrow(RecordError);
    },
  );
});
