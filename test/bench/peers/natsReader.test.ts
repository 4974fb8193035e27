import fc from "fast-check";
import { expect, test } from "vitest";
import { cutsOf } from "./cuts.ts";
import { type NatsMessage, NatsReader } from "./natsReader.ts";

const payload = fc.stringMatching(/^[\x20-\x7e\r\n]{0,40}$/u);
const message = fc.record({
  subject: fc.constantFrom("follower-1", "follower-22"),
  replyTo: fc.option(fc.constantFrom("$JS.ACK.queued.1"), { nil: undefined }),
  payload,
});
const line = fc.constantFrom("PONG", "PING", "+OK");

test("the messages and lines of a NATS server are read however what it sends is cut", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(message, line)),
      fc.infiniteStream(fc.integer({ min: 1, max: 30 })),
      (sent, sizes) => {
        const read: (NatsMessage | string)[] = [];
        const reader = new NatsReader(
          (each) => read.push(each),
          (each) => read.push(each),
        );
        for (const chunk of cutsOf(Buffer.from(sent.map(written).join(""), "latin1"), sizes)) reader.read(chunk);
        expect(read).toEqual(sent);
      },
    ),
  );
});

function written(sent: NatsMessage | string): string {
  if (typeof sent === "string") return `${sent}\r\n`;
  const { subject, replyTo, payload: content } = sent;
  return `MSG ${subject} 1 ${replyTo === undefined ? "" : `${replyTo} `}${content.length}\r\n${content}\r\n`;
}
