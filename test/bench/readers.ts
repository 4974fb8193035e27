import { encodeFollowerMessage } from "@yonexus/protocol/wire";
import { BENCH_RULE } from "./arrivals.ts";
import type { Outgoing } from "./followerSocket.ts";
import { outgoing } from "./leanSocket.ts";

const RULE_BYTES = BENCH_RULE.length + 2;
const BUILTIN_BYTES = "builtin::".length;

interface QueuedMessage {
  readonly type: string;
  readonly payload: { readonly id: string; readonly content: string };
}

/** Takes the content of each `bench::content`. */
export function plainReader(take: (content: string) => void): (payload: Buffer) => void {
  return (payload) => take(payload.toString("latin1", RULE_BYTES));
}

/** Takes the content of each queued message, and acknowledges it. */
export function ackingReader(
  take: (content: string) => void,
  send: (answer: Outgoing) => void,
): (payload: Buffer) => void {
  return (payload) => {
    const { type, payload: message } = JSON.parse(payload.toString("latin1", BUILTIN_BYTES)) as QueuedMessage;
    if (type !== "message") return;
    take(message.content);
    const timestamp = Math.floor(Date.now() / 1000);
    send(outgoing(encodeFollowerMessage({ type: "message_ack", timestamp, payload: { id: message.id } })));
  };
}
