import { describe, expect, it } from "vitest";
import type { FollowerSummary } from "../redis/index.ts";
import { followerRow } from "./followerText.ts";

const now = 1_800_000_000_000;
const base: FollowerSummary = {
  identifier: "alpha",
  allowed: true,
  paired: false,
  pendingPairings: 0,
  status: "offline",
  queued: 0,
  queuedBytes: 0,
  expired: 0,
  rejected: 0,
  deadLetters: 0,
};

describe("a follower in the table", () => {
  it("that never connected was never seen", () => {
    expect(followerRow(base, now)).toEqual(["alpha", "offline", "", "never", "", "no", ""]);
  });

  it("was seen at its last heartbeat or its end, whichever is later", () => {
    const row = followerRow({ ...base, lastHeartbeatAt: now - 600_000, endedAt: now - 180_000 }, now);
    expect(row[3]).toBe("3 min ago");
  });

  it("that left the allowlist says so", () => {
    expect(followerRow({ ...base, allowed: false }, now)[1]).toBe("offline, not allowed");
  });

  it("for which messages wait says how many", () => {
    expect(followerRow({ ...base, queued: 3 }, now)[4]).toBe("3");
  });

  it("with a pairing under way says that a code is awaited", () => {
    expect(followerRow({ ...base, pendingPairings: 1 }, now)[5]).toBe("no, 1 waiting for a code");
  });
});
