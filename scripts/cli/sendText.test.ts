import { describe, expect, it } from "vitest";
import { interruptedText, sendText } from "./sendText.ts";

const messageId = "m1";
const now = 1_800_000_000_000;

describe("the result of a send, for people", () => {
  it("delivered names the node, and says whether the follower acked it", () => {
    const delivered = { result: "delivered", messageId, node: "node-1" } as const;
    expect(sendText("alpha", { ...delivered, reached: "written" })).toBe("Delivered to alpha on node-1.");
    expect(sendText("alpha", { ...delivered, reached: "acked", seq: 3 })).toBe(
      "Delivered to alpha on node-1, and acked by it.",
    );
  });

  it.each([
    ["queued", "it is delivered when alpha is there to take it"],
    ["routed", "on its way"],
    ["written", "has not acked it yet"],
  ] as const)("queued says how far it got (%s), and how to see more later", (reached, expected) => {
    const text = sendText("alpha", { result: "queued", messageId, reached, seq: 3 });
    expect(text).toMatch(/^Queued for alpha as number 3/u);
    expect(text).toContain(expected);
    expect(text).toContain("`yonexus message --follower alpha m1`");
  });

  it("offline tells when and where the follower was last seen, why it went, and how to queue", () => {
    const offline = { result: "offline", messageId, reached: "accepted", lastSeenAt: now - 180_000, now } as const;
    expect(sendText("alpha", { ...offline, reason: "disconnected", lastNode: "node-2" })).toBe(
      "alpha is offline: last seen 3 min ago on node-2. Add --queue to deliver it when alpha returns.",
    );
    expect(sendText("alpha", { ...offline, reason: "heartbeat_timeout", lastNode: "node-2" })).toMatch(
      /^alpha is offline: last seen 3 min ago on node-2 \(it fell silent\)\. /u,
    );
  });

  it.each(["unknown_identifier", "identifier_not_allowed"])(
    "to who may not pair (%s) tells how to allow it",
    (reason) => {
      const text = sendText("alpha", { result: "offline", messageId, reached: "accepted", reason });
      expect(text).toContain("yonexus allow add alpha");
      expect(text).not.toContain("--queue");
    },
  );

  it("offline for a reason of a later version still reads", () => {
    const text = sendText("alpha", {
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
    expect(sendText("alpha", { ...overflow, cap: "messages", limit: 1_000 })).toMatch(
      /its limit is 1000 messages\. Nothing was kept: .* YONEXUS_QUEUE_MESSAGES\.$/u,
    );
    expect(sendText("alpha", { ...overflow, cap: "bytes", limit: 1_048_576 })).toMatch(
      /its limit is 1048576 bytes\. Nothing was kept: .* YONEXUS_QUEUE_BYTES\.$/u,
    );
  });

  it("an id that names another message says what to do with --id", () => {
    expect(sendText("alpha", { result: "id_conflict", messageId, reached: "accepted" })).toMatch(
      /m1 was used .* --id/u,
    );
  });

  it("expired and rejected tell where the message lies, and never act on the terminal", () => {
    expect(sendText("alpha", { result: "expired", messageId, reached: "expired" })).toContain(
      "`yonexus dead-letters list --follower alpha`",
    );
    const reason = "no \u001b[31mroom";
    const rejected = sendText("alpha", { result: "rejected", messageId, reached: "rejected", reason });
    expect(rejected).toContain("alpha refused it for good (no \\x1b[31mroom)");
    expect(rejected).toContain("`yonexus dead-letters list --follower alpha`");
  });

  it("a message that was sent before says so first", () => {
    const text = sendText("alpha", {
      result: "delivered",
      messageId,
      reached: "acked",
      node: "node-1",
      duplicate: true,
    });
    expect(text).toMatch(/^The same message was sent before under the id m1, and not again now\. Delivered to alpha /u);
  });

  it("timeout does not claim to know, and tells where to look", () => {
    const text = sendText("alpha", { result: "timeout", messageId, reached: "routed" });
    expect(text).toContain("may have reached alpha or not");
    const odd = sendText("alpha", { result: "timeout", messageId: "-m", reached: "routed" });
    expect(odd).toContain("`yonexus message --follower alpha -- -m`");
    expect(text).toContain("`yonexus message --follower alpha m1`");
  });
});

describe("a send that was interrupted", () => {
  it("names the message and how to look at it", () => {
    expect(interruptedText("alpha", "-m1")).toMatch(/the message -m1 .*`yonexus message --follower alpha -- -m1`/u);
  });
});
