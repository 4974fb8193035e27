import { type ApprovalOutcome, type DenialOutcome, type PendingPairing, SHORT_PAIRING_ID } from "../redis/index.ts";
import { spanText } from "./age.ts";
import type { NextSteps } from "./nextSteps.ts";
import { beginSentence } from "./nextSteps.ts";
import { plainText } from "./plainText.ts";

/** How an operator calls a pairing: the beginning of its id, which no other key has. */
export function shortPairingId(pairingId: string): string {
  return pairingId.slice(0, SHORT_PAIRING_ID);
}

/** The pairings that a person may have meant. One of them is the one; of several, one has to be chosen. */
export type MeantPairings =
  /** `byId`: the person read its id, and saw its key beside it. A name is that of whatever key waits at the moment. */
  | { readonly kind: "one"; readonly pairing: PendingPairing; readonly byId: boolean }
  | { readonly kind: "none" }
  | { readonly kind: "several"; readonly pairings: readonly PendingPairing[] };

/**
 * Which pairing a person means by the beginning of an id (the short id, or more of it, in whatever case), or by the follower's
 * identifier while one pairing of it waits.
 */
export function meantPairings(word: string, pairings: readonly PendingPairing[]): MeantPairings {
  const id = word.toLowerCase();
  const isById = ({ pairingId }: PendingPairing): boolean =>
    id.length >= SHORT_PAIRING_ID && pairingId.toLowerCase().startsWith(id);
  const found = pairings.filter((pairing) => pairing.identifier === word || isById(pairing));
  const [first] = found;
  if (first === undefined) return { kind: "none" };
  return found.length === 1
    ? { kind: "one", pairing: first, byId: isById(first) }
    : { kind: "several", pairings: found };
}

export const PAIRING_COLUMNS = ["id", "follower", "key fingerprint", "from", "time left", "state"] as const;

/** The cells of a pairing that waits, in the order of PAIRING_COLUMNS. @param now Redis time (ms). */
export function pairingRow(pairing: PendingPairing, now: number): string[] {
  const { pairingId, identifier, fingerprint, address, expiresAt, approvedAt } = pairing;
  return [
    shortPairingId(pairingId),
    plainText(identifier),
    plainText(fingerprint),
    plainText(address),
    spanText(Math.max(0, expiresAt - now)),
    approvedAt === undefined ? "waits" : "approved",
  ];
}

/** The key and where it is, as an operator compares them. */
function keyText({ fingerprint, address }: Pick<PendingPairing, "fingerprint" | "address">): string {
  return `the key ${plainText(fingerprint)} from ${plainText(address)}`;
}

type Decided = Pick<PendingPairing, "identifier" | "fingerprint" | "address">;
type DecisionSteps = Pick<NextSteps, "listPairings" | "allowAgain" | "shutOut">;

/** What came of an approval, for the operator. */
export function approvalText(outcome: ApprovalOutcome, pairing: Decided, next: DecisionSteps): string {
  const { identifier } = pairing;
  switch (outcome) {
    case "approved":
      return `${identifier} is let in, with ${keyText(pairing)}. It gets its secret at once; when it is not connected now, as soon as it connects from there again.`;
    case "already":
      return `${identifier} was approved before, with ${keyText(pairing)}: nothing was changed.`;
    case "gone":
      return `That pairing of ${identifier} is over, so nothing was changed: it expired, was used, refused or made void. ${beginSentence(next.listPairings())}.`;
    case "changed":
      return `The pairing of ${identifier} that you were shown was replaced by another one, so nothing was changed. ${beginSentence(next.listPairings())}, and compare the fingerprint anew.`;
    case "not_allowed":
      return `${identifier} is not on the allowlist, so nothing was changed. ${beginSentence(next.allowAgain(identifier))}; then it pairs anew.`;
  }
}

/** What came of a refusal, for the operator. */
export function denialText(outcome: DenialOutcome, pairing: Decided, next: DecisionSteps): string {
  const { identifier } = pairing;
  switch (outcome) {
    case "denied":
      return `${identifier} is refused, with ${keyText(pairing)}: it was told so, and for a few minutes that key is not asked about again. ${identifier} is still on the allowlist: ${next.shutOut(identifier)} if nobody is to use that name.`;
    case "gone":
      return `That pairing of ${identifier} is over, so nothing was changed: it expired, was used, refused or made void. ${beginSentence(next.listPairings())}; ${next.shutOut(identifier)} if it is in and must not be.`;
    case "changed":
      return `The pairing of ${identifier} that you were shown was replaced by another one, so nothing was changed. ${beginSentence(next.listPairings())}.`;
  }
}
