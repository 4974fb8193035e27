import type { MessageRecord } from "@yonexus/protocol/redis";
import { describe, expect, it } from "vitest";
import { messageText } from "./messageText.ts";

const now = 1_800_000_000_000;
const queued: MessageRecord = {
  messageId: "m1",
  identifier: "alpha",
  delivery: "queued",
  state: "queued",
  seq: 7,
  acceptedAt: now - 180_000,
  expiresAt: now + 7_200_000,
  tries: 0,
  bytes: 12,
};

describe("the record of a message, for people", () => {
  it("that waits says for how long, and when it expires", () => {
    expect(messageText(queued, now)).toBe(
      [
        "m1",
        "  to          alpha",
        "  state       queued: it waits until the follower is there to take it",
        "  delivery    queued, number 7",
        "  bytes       12",
        "  accepted    3 min ago",
        "  expires     in 2 h",
      ].join("\n"),
    );
    expect(messageText({ ...queued, expiresAt: now - 1 }, now)).toContain("expires     now");
  });

  it("that ended says when, where, after how many tries and why, and expires no more", () => {
    const text = messageText(
      {
        ...queued,
        state: "rejected",
        routedAt: now - 60_000,
        writtenAt: now - 50_000,
        settledAt: now - 40_000,
        tries: 2,
        node: "node-1",
        reason: "no \u001b[31mroom",
      },
      now,
    );
    expect(text).toContain("  ended       40 s ago");
    expect(text).toContain("  tries       2");
    expect(text).toContain("  node        node-1");
    expect(text).toContain("  reason      no \\x1b[31mroom");
    expect(text).not.toContain("expires");
  });
});
