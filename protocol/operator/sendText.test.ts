import { describe, expect, it } from "vitest";
import { markedSteps } from "../../test/support/markedSteps.ts";
import type { SendResult } from "../redis/index.ts";
import { interruptedText, sendText } from "./sendText.ts";

const messageId = "m1";
const now = 1_800_000_000_000;
const tell = (result: SendResult) => sendText("alpha", result, markedSteps);

describe("the result of a send, for people", () => {
  it("delivered names the node, and says whether the follower acked it", () => {
    const delivered = { result: "delivered", messageId, node: "node-1" } as const;
    expect(tell({ ...delivered, reached: "written" })).toBe("Delivered to alpha on node-1.");
    expect(tell({ ...delivered, reached: "acked", seq: 3 })).toBe("Delivered to alpha on node-1, and acked by it.");
  });

  it.each([
    ["queued", "it is delivered when alpha is there to take it"],
    ["routed", "on its way"],
    ["written", "has not acked it yet"],
  ] as const)("queued says how far it got (%s), and how to see more later", (reached, expected) => {
    const text = tell({ result: "queued", messageId, reached, seq: 3 });
    expect(text).toMatch(/^Queued for alpha as number 3/u);
    expect(text).toContain(expected);
    expect(text).toMatch(/, <look at m1 of alpha>\.$/u);
  });

  it("offline tells when and where the follower was last seen, why it went, and how to queue", () => {
    const offline = { result: "offline", messageId, reached: "accepted", lastSeenAt: now - 180_000, now } as const;
    expect(tell({ ...offline, reason: "disconnected", lastNode: "node-2" })).toBe(
      "alpha is offline: last seen 3 min ago on node-2. <queue> to deliver it when alpha returns.",
    );
    expect(tell({ ...offline, reason: "heartbeat_timeout", lastNode: "node-2" })).toMatch(
      /^alpha is offline: last seen 3 min ago on node-2 \(it fell silent\)\. /u,
    );
    expect(tell({ ...offline, reason: "never_connected" })).toBe(
      "alpha is offline: it has never connected. <queue> to deliver it when alpha returns.",
    );
  });

  it.each([
    ["unknown_identifier", "<allow alpha>"],
    ["identifier_not_allowed", "<allow alpha again>"],
  ])("to who may not pair (%s) tells how to allow it, and not to queue", (reason, step) => {
    const text = tell({ result: "offline", messageId, reached: "accepted", reason });
    expect(text).toContain(`: ${step}.`);
    expect(text).not.toContain("<queue>");
  });

  it("offline for a reason of a later version still reads", () => {
    const text = tell({
      result: "offline",
      messageId,
      reached: "accepted",
      reason: "something_new",
      lastNode: "node-2",
    });
    expect(text).toMatch(/^alpha is offline: on node-2\. /u);
  });

  it("overflow names the cap, the setting, and that nothing was kept", () => {
    const overflow = { result: "overflow", messageId, reached: "accepted" } as const;
    expect(tell({ ...overflow, cap: "messages", limit: 1_000 })).toMatch(
      /its limit is 1000 messages\. Nothing was kept: .* <queueMessages>\.$/u,
    );
    expect(tell({ ...overflow, cap: "bytes", limit: 1_048_576 })).toMatch(
      /its limit is 1048576 bytes\. Nothing was kept: .* <queueBytes>\.$/u,
    );
  });

  it("an id that names another message says how to choose one", () => {
    expect(tell({ result: "id_conflict", messageId, reached: "accepted" })).toMatch(
      /m1 was used .*\. <choose an id>\.$/u,
    );
  });

  it("expired and rejected tell where the message lies, and never act on the terminal", () => {
    expect(tell({ result: "expired", messageId, reached: "expired" })).toMatch(
      /: <find it, follower alpha>, or <keep longer>\.$/u,
    );
    const rejected = tell({ result: "rejected", messageId, reached: "rejected", reason: "no \u001b[31mroom" });
    expect(rejected).toContain(
      'alpha refused it for good, in its own words "no \\x1b[31mroom": <find it, follower alpha>.',
    );
  });

  it("a follower that reads too slowly says that a queued message would wait for it", () => {
    const overloaded = { result: "overloaded", messageId, reached: "accepted" } as const;
    expect(tell({ ...overloaded, where: "follower" })).toContain("Send less, <queue>, or try again");
    expect(tell({ ...overloaded, where: "sender" })).not.toContain("<queue>");
  });

  it("a message that was sent before says so first", () => {
    const text = tell({
      result: "delivered",
      messageId,
      reached: "acked",
      node: "node-1",
      duplicate: true,
    });
    expect(text).toMatch(/^The same message was sent before under the id m1, and not again now\. Delivered to alpha /u);
  });

  it("timeout does not claim to know, and tells where to look", () => {
    const text = tell({ result: "timeout", messageId, reached: "routed" });
    expect(text).toContain("may have reached alpha or not: <look at m1 of alpha> before you send it again.");
  });
});

describe("a send that was interrupted", () => {
  it("names the message and how to look at it", () => {
    expect(interruptedText("alpha", "-m1", markedSteps)).toMatch(/the message -m1 .*: <look at -m1 of alpha> before/u);
  });
});
