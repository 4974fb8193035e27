import { encodeApplication, encodeNodeMessage, isRule, parseNodeFrame } from "@yonexus/protocol/wire";
import fc from "fast-check";
import { expect, it } from "vitest";
import { encodeQueuedMessage } from "./messageFrame.ts";

const anyText = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom("", "::", ":", 'a"b\\c', "\u0000\n\t\u2028\u007f", "漢字 👩‍👩‍👧", "</script>"),
);
const anyRule = fc
  .oneof(fc.constantFrom("chat", "a:b", '"', "日本語"), fc.string({ unit: "binary", minLength: 1 }))
  .filter(isRule);
const anyId = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/u);

it("a queued message is the frame that the codec makes of it, whatever its texts hold", () => {
  fc.assert(
    fc.property(
      anyRule,
      anyText,
      anyId,
      fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
      fc.integer({ min: 0, max: 8_640_000_000_000 }),
      (rule, content, messageId, seq, timestamp) => {
        const frame = encodeQueuedMessage(
          { seq, messageId, senderId: "", frame: encodeApplication(rule, content) },
          timestamp,
        );
        const message = { type: "message", timestamp, payload: { id: messageId, seq, rule, content } } as const;
        expect(frame).toBe(encodeNodeMessage(message));
        expect(parseNodeFrame(frame)).toEqual({ kind: "builtin", message });
      },
    ),
  );
});
