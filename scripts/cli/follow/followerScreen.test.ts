import { describe, expect, it } from "vitest";
import { eventText, type ShownEvent } from "./followerScreen.ts";

const show = (event: ShownEvent) => eventText(event, "alpha", 1_000_000);
const pairing = { identifier: "alpha", fingerprint: "f1:02", expiresAt: 1_300 } as const;

describe("a follower at a terminal", () => {
  it("asks for the code once the operator has it, with the fingerprint to compare", () => {
    expect(show({ name: "pairing", value: { ...pairing, adminNotification: "pending" } })).toBeUndefined();
    const text = show({ name: "pairing", value: { ...pairing, adminNotification: "sent" } });
    expect(text).toContain("f1:02");
    expect(text).toContain("good for 5 min");
  });

  it("shows what arrives on one line, without control characters", () => {
    const text = show({ name: "message", value: { rule: "chat", content: "a\u001b[2J\nb" } });
    expect(text).toBe("chat  a\\x1b[2J\\nb");
  });

  it("says how many queued messages will not come, and why", () => {
    expect(show({ name: "gap", value: { fromSeq: 3, toSeq: 3, reason: "expired" } })).toBe(
      "One queued message for alpha will not come (expired).",
    );
    expect(show({ name: "gap", value: { fromSeq: 3, toSeq: 7, reason: "expired" } })).toContain("5 queued messages");
  });

  it("says that it was disconnected and when it comes back", () => {
    const value = { code: 4012, reason: "draining", willReconnect: true, inMs: 2_400 } as const;
    expect(show({ name: "disconnected", value })).toBe("Disconnected (4012 draining): coming back in 2 s.");
  });
});
