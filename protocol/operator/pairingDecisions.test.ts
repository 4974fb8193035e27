import { describe, expect, it } from "vitest";
import { markedSteps } from "../../test/support/markedSteps.ts";
import type { PendingPairing } from "../redis/index.ts";
import { approvalText, denialText, meantPairings, pairingRow, shortPairingId } from "./pairingDecisions.ts";

const NOW = 1_790_000_000_000;
const pairing = (pairingId: string, identifier = "alpha", changes: Partial<PendingPairing> = {}): PendingPairing => ({
  pairingId,
  identifier,
  fingerprint: `print-${pairingId}`,
  address: "192.0.2.1",
  openedAt: NOW,
  expiresAt: NOW + 90_000,
  ...changes,
});

describe("what a person means", () => {
  const alpha = pairing("0a1b2c3d4e5f6g7h8j9k");
  const beta = pairing("zyxw0000111122223333", "beta");
  const betaToo = pairing("zyxv0000111122223333", "beta");
  const all = [alpha, beta, betaToo];

  it.each([
    ["0a1b2c3d", alpha, true],
    ["0A1B2C3D", alpha, true],
    ["0a1b2c3d4e5f6g7h8j9k", alpha, true],
    ["alpha", alpha, false],
    ["zyxw0000", beta, true],
  ])("by %s is the one pairing that has it", (word, meant, byId) => {
    expect(meantPairings(word, all)).toEqual({ kind: "one", pairing: meant, byId });
  });

  it.each(["0a1b2c3", "", "ghost", "Alpha", "0a1b2c3dx"])("by %j is none", (word) => {
    expect(meantPairings(word, all)).toEqual({ kind: "none" });
  });

  it("by the identifier of several that wait is to be chosen, and so is a name that is also the beginning of an id", () => {
    expect(meantPairings("beta", all)).toEqual({ kind: "several", pairings: [beta, betaToo] });
    const named = pairing("1111222233334444aaaa", "0a1b2c3d");
    expect(meantPairings("0a1b2c3d", [...all, named])).toEqual({ kind: "several", pairings: [alpha, named] });
  });

  it("by an id of an older node's, which has capitals, is found", () => {
    const older = pairing("aBcD-eF_0123456A");
    expect(meantPairings("abcd-ef_", [older])).toEqual({ kind: "one", pairing: older, byId: true });
  });
});

describe("a row of the list", () => {
  it("has the short id, the key, the place and the time left, and no control characters of others", () => {
    expect(pairingRow(pairing("0a1b2c3d4e5f6g7h8j9k", "alpha", { address: "1.2.3.4\n\u001b[2J" }), NOW)).toEqual([
      "0a1b2c3d",
      "alpha",
      "print-0a1b2c3d4e5f6g7h8j9k",
      expect.not.stringContaining("\u001b"),
      "1 min",
      "waits",
    ]);
    expect(pairingRow(pairing("0a1b2c3d", "alpha", { approvedAt: NOW }), NOW).at(-1)).toBe("approved");
    expect(shortPairingId("0a1b2c3d4e5f6g7h8j9k")).toBe("0a1b2c3d");
  });
});

describe("what came of a decision", () => {
  const { identifier, fingerprint, address } = pairing("0a1b2c3d");
  const decided = { identifier, fingerprint, address };

  it("names the key that was approved or refused, and the place", () => {
    for (const text of [
      approvalText("approved", decided, markedSteps),
      approvalText("already", decided, markedSteps),
      denialText("denied", decided, markedSteps),
    ]) {
      expect(text).toContain("alpha");
      expect(text).toContain("print-0a1b2c3d from 192.0.2.1");
    }
  });

  it.each([
    approvalText("already", decided, markedSteps),
    approvalText("gone", decided, markedSteps),
    approvalText("changed", decided, markedSteps),
    approvalText("not_allowed", decided, markedSteps),
    denialText("gone", decided, markedSteps),
    denialText("changed", decided, markedSteps),
  ])("%s", (text) => {
    expect(text).toContain("nothing was changed");
    expect(text).not.toContain("undefined");
  });

  it("that changed nothing says what to do next", () => {
    expect(approvalText("gone", decided, markedSteps)).toContain("<list pairings>.");
    expect(approvalText("changed", decided, markedSteps)).toContain("<list pairings>, and compare");
    expect(approvalText("not_allowed", decided, markedSteps)).toContain("<allow alpha again>");
    expect(denialText("denied", decided, markedSteps)).toContain("<shut out alpha>");
  });
});
