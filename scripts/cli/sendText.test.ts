import { describe, expect, it } from "vitest";
import { sendText } from "./sendText.ts";

const messageId = "m1";
const now = 1_800_000_000_000;

describe("the result of a send, for people", () => {
  it("delivered names the node", () => {
    expect(sendText("alpha", { result: "delivered", messageId, node: "node-1" })).toBe("Delivered to alpha on node-1.");
  });

  it("offline tells when and where the follower was last seen, and why it went", () => {
    const text = sendText("alpha", {
      result: "offline",
      messageId,
      reason: "heartbeat_timeout",
      lastSeenAt: now - 180_000,
      lastNode: "node-2",
      now,
    });
    expect(text).toMatch(/^alpha is offline: last seen 3 min ago on node-2 \(it fell silent\)\. /u);
  });

  it("to an unknown follower tells how to allow it", () => {
    const text = sendText("alpha", { result: "offline", messageId, reason: "unknown_identifier" });
    expect(text).toContain("yonexus allow add alpha");
  });

  it("offline for a reason of a later version still reads", () => {
    const text = sendText("alpha", { result: "offline", messageId, reason: "something_new", lastNode: "node-2" });
    expect(text).toMatch(/^alpha is offline: on node-2\. /u);
  });

  it("timeout does not claim to know", () => {
    expect(sendText("alpha", { result: "timeout", messageId })).toContain("may have reached alpha or not");
  });
});
