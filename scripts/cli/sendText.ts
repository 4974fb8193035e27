import type { SendResult } from "@yonexus/protocol/redis";
import { ageText } from "./age.ts";
import { plainText } from "./plainText.ts";

/** What became of a message, in words, with what to do next. */
export function sendText(identifier: string, result: SendResult): string {
  switch (result.result) {
    case "delivered":
      return `Delivered to ${identifier} on ${plainText(result.node)}.`;
    case "offline":
      return offlineText(identifier, result);
    case "overloaded":
      return result.where === "follower"
        ? `${identifier} reads too slowly: its send buffer is full. Send less, or try again in a moment.`
        : "Too many messages wait for their receipts. Try again in a moment.";
    case "timeout":
      return `No receipt came in time, so the message may have reached ${identifier} or not. Look with \`yonexus client show ${identifier}\` before you send it again.`;
  }
}

type Offline = Extract<SendResult, { readonly result: "offline" }>;

function offlineText(identifier: string, { reason, lastSeenAt, lastNode, now }: Offline): string {
  switch (reason) {
    case "unknown_identifier":
      return `${identifier} is unknown: allow it with \`yonexus allow add ${identifier}\`.`;
    case "never_connected":
      return `${identifier} is offline: it has never connected. ${again(identifier)}`;
  }
  const seen = lastSeenAt === undefined || now === undefined ? "" : ` last seen ${ageText(lastSeenAt, now)}`;
  const where = lastNode === undefined ? "" : ` on ${plainText(lastNode)}`;
  const why = REASONS[reason];
  const facts = `${seen}${where}`.trim();
  return `${identifier} is offline${facts === "" ? "" : `: ${facts}`}${why === undefined ? "" : ` (${why})`}. ${again(identifier)}`;
}

function again(identifier: string): string {
  return `Nothing was kept: send it again when ${identifier} is back.`;
}

const REASONS: Readonly<Record<string, string>> = {
  heartbeat_timeout: "it fell silent",
  node_lost: "its node was lost",
  draining: "its node was stopped",
  trust_revoked: "its trust was cleared",
  identifier_not_allowed: "it was taken off the allowlist",
};
