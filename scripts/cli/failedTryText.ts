import { plainText } from "@yonexus/protocol/operator";
import { type InboundMessage, MaybeQueuedError } from "@yonexus/protocol/redis";
import { nextSteps } from "./nextSteps.ts";

type Tried = Pick<InboundMessage, "id" | "rule" | "identifier" | "attempt">;

/** Why a message that was listened to was not answered or passed on, and what becomes of it. Nothing of what it says. */
export function failedTryText({ id, rule, identifier, attempt }: Tried, maxTries: number, error: unknown): string {
  const goesOn =
    attempt < maxTries
      ? "it is tried again"
      : `it is a dead letter now, ${nextSteps.findDeadLetter({ kind: "rule", rule })}`;
  return `The message ${id} of ${identifier} failed at try ${attempt} of ${maxTries} (${reason(error)}): ${goesOn}.`;
}

function reason(error: unknown): string {
  // Its own words tell a program to send it again, which is done here.
  if (error instanceof MaybeQueuedError) return "Redis did not answer";
  return plainText(error instanceof Error ? error.message : String(error)).replace(/\.$/u, "");
}
