import type { SendResult } from "../redis/index.ts";
import { ageText } from "./age.ts";
import { beginSentence, type NextSteps } from "./nextSteps.ts";
import { plainText } from "./plainText.ts";

/** What became of a message, in words, with what to do next. */
export function sendText(identifier: string, result: SendResult, next: NextSteps): string {
  const text = outcomeText(identifier, result, next);
  return result.duplicate === true
    ? `The same message was sent before under the id ${result.messageId}, and not again now. ${text}`
    : text;
}

/** Of a send that was given up while it waited. */
export function interruptedText(identifier: string, messageId: string, next: NextSteps): string {
  return `Nobody waits for the message ${messageId} any more, and it may be on its way to ${identifier}: ${next.lookAtMessage(identifier, messageId)} before you send it again.`;
}

function outcomeText(identifier: string, result: SendResult, next: NextSteps): string {
  const look = next.lookAtMessage(identifier, result.messageId);
  switch (result.result) {
    case "delivered":
      return result.reached === "acked"
        ? `Delivered to ${identifier} on ${plainText(result.node)}, and acked by it.`
        : `Delivered to ${identifier} on ${plainText(result.node)}.`;
    case "queued":
      return queuedText(identifier, result, look);
    case "offline":
      return offlineText(identifier, result, next);
    case "overflow":
      return `The queue of ${identifier} has no room for it: its limit is ${result.limit} ${result.cap}. Nothing was kept: send it again when ${identifier} has taken some, or raise ${next.setting(result.cap === "messages" ? "queueMessages" : "queueBytes")}.`;
    case "id_conflict":
      return `The id ${result.messageId} was used for another message to ${identifier}, so nothing was sent. ${beginSentence(next.chooseMessageId())}.`;
    case "expired":
      return `It expired before ${identifier} had it: ${next.findDeadLetter({ kind: "follower", identifier })}, or ${next.keepLonger()}.`;
    case "rejected":
      return `${identifier} refused it for good${result.reason === "" ? "" : `, in its own words "${plainText(result.reason).replaceAll('"', "'")}"`}: ${next.findDeadLetter({ kind: "follower", identifier })}.`;
    case "overloaded":
      return result.where === "follower"
        ? `${identifier} reads too slowly: its send buffer is full. Send less, ${next.queue()}, or try again in a moment.`
        : "Too many messages wait for their receipts. Try again in a moment.";
    case "timeout":
      return `No receipt came in time, so the message may have reached ${identifier} or not: ${look} before you send it again.`;
  }
}

type Queued = Extract<SendResult, { readonly result: "queued" }>;

function queuedText(identifier: string, { reached, seq }: Queued, look: string): string {
  const kept = `Queued for ${identifier} as number ${seq}`;
  switch (reached) {
    case "queued":
      return `${kept}: it is delivered when ${identifier} is there to take it. To see how far it is, ${look}.`;
    case "routed":
      return `${kept}, and on its way to it now. To see how far it is, ${look}.`;
    case "written":
      return `${kept} and written to its connection; ${identifier} has not acked it yet. To see whether it has, ${look}.`;
  }
}

type Offline = Extract<SendResult, { readonly result: "offline" }>;

function offlineText(identifier: string, { reason, lastSeenAt, lastNode, now }: Offline, next: NextSteps): string {
  const queueIt = `${beginSentence(next.queue())} to deliver it when ${identifier} returns.`;
  switch (reason) {
    case "unknown_identifier":
      return `${identifier} is unknown: ${next.allow(identifier)}.`;
    case "never_connected":
      return `${identifier} is offline: it has never connected. ${queueIt}`;
    case "identifier_not_allowed":
      return `${identifier} was taken off the allowlist, and nothing was kept: ${next.allowAgain(identifier)}.`;
  }
  const seen = lastSeenAt === undefined || now === undefined ? "" : ` last seen ${ageText(lastSeenAt, now)}`;
  const where = lastNode === undefined ? "" : ` on ${plainText(lastNode)}`;
  const why = REASONS[reason];
  const facts = `${seen}${where}`.trim();
  return `${identifier} is offline${facts === "" ? "" : `: ${facts}`}${why === undefined ? "" : ` (${why})`}. ${queueIt}`;
}

const REASONS: Readonly<Record<string, string>> = {
  heartbeat_timeout: "it fell silent",
  node_lost: "its node was lost",
  draining: "its node was stopped",
  trust_revoked: "its trust was cleared",
};
