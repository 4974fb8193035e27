import { ageText, plainText, spanText } from "@yonexus/protocol/operator";
import type { MessageRecord } from "@yonexus/protocol/redis";

/** How far a message got, in words. Never what it says. @param now Redis time (ms). */
export function messageText(message: MessageRecord, now: number): string {
  const { expiresAt, settledAt, tries } = message;
  const isOver = settledAt !== undefined;
  const facts: [string, string | undefined][] = [
    ["to", message.identifier],
    ["state", `${message.state}: ${MEANINGS[message.state]}`],
    ["delivery", message.seq === undefined ? message.delivery : `${message.delivery}, number ${message.seq}`],
    ["bytes", String(message.bytes)],
    ["accepted", ageText(message.acceptedAt, now)],
    ["routed", age(message.routedAt, now)],
    ["written", age(message.writtenAt, now)],
    ["ended", age(settledAt, now)],
    ["expires", isOver || expiresAt === undefined ? undefined : expiryText(expiresAt, now)],
    ["tries", tries === 0 ? undefined : String(tries)],
    ["node", message.node],
    ["reason", message.reason],
  ];
  const lines = facts
    .filter((fact): fact is [string, string] => fact[1] !== undefined)
    .map(([name, value]) => `  ${name.padEnd(12)}${plainText(value)}`);
  return [message.messageId, ...lines].join("\n");
}

const MEANINGS: Readonly<Record<MessageRecord["state"], string>> = {
  accepted: "its sender took it, and nothing more is known",
  queued: "it waits until the follower is there to take it",
  routed: "the follower's node was told of it",
  written: "the follower's connection took it",
  acked: "the follower has it",
  expired: "its time was over before the follower had it",
  rejected: "the follower refused it for good",
  overflow: "the follower's queue was full, and nothing was kept",
  offline: "the follower was not there, and nothing was kept",
  overloaded: "the follower read too slowly, and nothing was kept",
};

function age(at: number | undefined, now: number): string | undefined {
  return at === undefined ? undefined : ageText(at, now);
}

function expiryText(expiresAt: number, now: number): string {
  return expiresAt <= now ? "now" : `in ${spanText(expiresAt - now)}`;
}
