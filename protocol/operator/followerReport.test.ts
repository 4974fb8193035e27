import { describe, expect, it } from "vitest";
import { markedSteps } from "../../test/support/markedSteps.ts";
import type { FollowerSummary } from "../redis/index.ts";
import { followerReport } from "./followerReport.ts";

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
const report = (follower: Partial<FollowerSummary>) =>
  followerReport({ ...base, ...follower }, [], [], now, markedSteps);

describe("the report of one follower", () => {
  it("that never connected has only what is known", () => {
    expect(report({})).toBe(
      [
        "alpha",
        "  status         offline",
        "  last seen      never",
        "  allowed        yes",
        "  paired         no",
      ].join("\n"),
    );
  });

  it("tells the pairings that wait for a code with what they show, and what happened last", () => {
    const pairing = { fingerprint: "f1:02", address: "192.0.2.7", expiresAt: now + 240_000 };
    const entry = { at: now - 60_000, event: "pairing_opened", details: { address: "192.0.2.7" } };
    const text = followerReport(base, [pairing], [entry], now, markedSteps);
    expect(text).toContain("  waits for a code: fingerprint f1:02 from 192.0.2.7, 4 min left");
    expect(text).toMatch(/\n {2}what happened last\n {4}1 min ago {5}pairing_opened {2}address 192\.0\.2\.7$/u);
  });

  it("that is off the allowlist says how to let it in", () => {
    expect(report({ allowed: false })).toContain("  allowed        no: <note: allow alpha>");
  });

  it("says how many messages never came, and where to look while they are kept", () => {
    expect(report({ expired: 2, rejected: 1, deadLetters: 3 })).toContain(
      "  not delivered  2 expired, 1 rejected: <note: dead letters, follower alpha>",
    );
    expect(report({ expired: 2 })).toMatch(/ {2}not delivered {2}2 expired, 0 rejected$/u);
  });

  it("says that its trust was cleared only until it paired again", () => {
    const cleared = { trustClearedAt: now - 60_000, trustClearedReason: "repair" };
    expect(report(cleared)).toContain("  trust          cleared 1 min ago (repair)");
    expect(report({ ...cleared, paired: true, pairedAt: now - 30_000 })).not.toContain("  trust ");
  });

  it("never acts on the terminal", () => {
    const entry = { at: now, event: "session_ended", details: { reason: "\u001b[2J" } };
    const hostile = "\u001b[31m";
    const pairing = { fingerprint: hostile, address: hostile, expiresAt: now };
    const text = followerReport({ ...base, node: hostile, endReason: hostile }, [pairing], [entry], now, markedSteps);
    expect(text).not.toContain("\u001b");
  });
});
