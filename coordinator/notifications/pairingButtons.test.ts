import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pairingButtons, readPairingButton } from "./pairingButtons.ts";

const FINGERPRINT = "313c-9dea-6888-b110-ef90-6839-f8e8-24e2";
const PAIRING = { identifier: "alpha", fingerprint: FINGERPRINT, pairingId: "0a1b2c3d4e5f6g7h8j9k" };

const idsOf = (pairing: typeof PAIRING) =>
  pairingButtons(pairing).flatMap(({ components }) => components.map((button) => button.custom_id));

describe("the buttons under a pairing", () => {
  it("are Approve and Deny, in that order, each with a meaning of its own", () => {
    const [row] = pairingButtons(PAIRING);
    expect(row?.components.map(({ label, style }) => [label, style])).toEqual([
      ["Approve", 3],
      ["Deny", 4],
    ]);
    const meant = { identifier: "alpha", fingerprint: FINGERPRINT, pairingId: "0a1b2c3d4e5f" };
    expect(idsOf(PAIRING).map(readPairingButton)).toEqual([
      { action: "approve", ...meant },
      { action: "deny", ...meant },
    ]);
  });

  it("mean the same follower, key and pairing again, and fit into Discord's 100 characters, whatever they are of", () => {
    const identifier = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/u);
    const bytes = fc.uint8Array({ minLength: 16, maxLength: 16 });
    const pairingId = fc.stringMatching(/^[A-Za-z0-9_-]{12,20}$/u);
    fc.assert(
      fc.property(identifier, bytes, pairingId, (name, print, id) => {
        const fingerprint = (Buffer.from(print).toString("hex").match(/.{4}/gu) ?? []).join("-");
        const [approve = "", deny = ""] = idsOf({ identifier: name, fingerprint, pairingId: id });
        for (const [customId, action] of [
          [approve, "approve"],
          [deny, "deny"],
        ] as const) {
          expect(customId.length).toBeLessThanOrEqual(100);
          const meant = { action, identifier: name, fingerprint, pairingId: id.slice(0, 12) };
          expect(readPairingButton(customId)).toEqual(meant);
        }
      }),
    );
  });

  it.each([
    { ...PAIRING, identifier: "x".repeat(65) },
    { ...PAIRING, identifier: "no spaces" },
    { ...PAIRING, fingerprint: "0011-2233" },
    { ...PAIRING, pairingId: "short" },
  ])("are none for what does not fit in one: %o", (pairing) => {
    expect(pairingButtons(pairing)).toEqual([]);
  });

  it.each([
    "",
    "a",
    "approve",
    `x${"0".repeat(12)}${"A".repeat(22)}alpha`,
    `a${"0".repeat(12)}${"A".repeat(22)}`,
    `a${"0".repeat(12)}${"A".repeat(22)}-alpha`,
    `a${"0".repeat(12)}${"A".repeat(22)}a b`,
  ])("of somebody else mean nothing: %j", (customId) => {
    expect(readPairingButton(customId)).toBeUndefined();
  });
});
