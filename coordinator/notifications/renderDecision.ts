import type { ApprovalOutcome, DenialOutcome } from "@yonexus/protocol/redis";
import { codeSpan } from "./render.ts";

export type DecisionOutcome = ApprovalOutcome | DenialOutcome;

/** What was pressed under a notice, and what came of it. */
export interface Decision {
  readonly action: "approve" | "deny";
  readonly outcome: DecisionOutcome;
  readonly identifier: string;
  readonly fingerprint: string;
  /** Where the follower is, when the pairing was still there. */
  readonly address: string | undefined;
  /** Discord's id of who pressed. */
  readonly userId: string;
}

/** The notice after the decision, as a Discord message: the code that was in it is gone. */
export function renderDecision(decision: Decision): string {
  const { identifier, fingerprint, address, outcome, action, userId } = decision;
  return [
    `**${titleOf(outcome)}**`,
    `Follower: ${codeSpan(identifier)}`,
    `Key fingerprint: ${codeSpan(fingerprint)}`,
    ...(address === undefined ? [] : [`From: ${codeSpan(address)}`]),
    `${action === "approve" ? "Approve" : "Deny"} was pressed by <@${userId}>. ${sentenceOf(decision)}`,
  ].join("\n");
}

function titleOf(outcome: DecisionOutcome): string {
  switch (outcome) {
    case "approved":
    case "already":
      return "A follower was let in";
    case "denied":
      return "A follower was refused";
    case "gone":
    case "changed":
    case "not_allowed":
      return "Nothing was changed";
  }
}

function sentenceOf({ action, outcome, identifier }: Decision): string {
  const own = (command: string) => codeSpan(`yonexus ${command}`);
  switch (outcome) {
    case "approved":
      return "It gets its secret at once; when it is not connected now, as soon as it connects from there again.";
    case "already":
      return "Somebody had approved it before.";
    case "denied":
      return `It was told so, and for a few minutes that key is not asked about again. It is still on the allowlist: ${own(`revoke ${identifier}`)} takes it off.`;
    case "gone":
      return action === "approve"
        ? "The pairing is over: it expired, was used, refused or made void. If the follower still wants in, it asks again."
        : `The pairing is over: it expired, was used, refused or made void. If the follower is in and must not be: ${own(`revoke ${identifier}`)}`;
    case "changed":
      return "The follower has asked anew since, and that is another pairing: look for its own notice.";
    case "not_allowed":
      return `The follower is not on the allowlist any more: ${own(`allow add ${identifier}`)} puts it back; then it asks again.`;
  }
}
