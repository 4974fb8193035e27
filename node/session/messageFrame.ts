import { BUILTIN, SEPARATOR } from "@yonexus/protocol/wire/basics";
import type { QueuedMessage } from "./deliveryWindow.ts";

const HEAD = `${BUILTIN}${SEPARATOR}{"type":"message","timestamp":`;

/**
 * The builtin frame `message` of a queued message: the same text as `encodeNodeMessage` makes, without its checks, since
 * one is made for every queued message and the fields were checked when it was sent. @param timestamp unix seconds.
 */
export function encodeQueuedMessage(message: QueuedMessage, timestamp: number): string {
  const { seq, messageId, frame } = message;
  const end = frame.indexOf(SEPARATOR);
  const rule = JSON.stringify(frame.slice(0, end));
  const content = JSON.stringify(frame.slice(end + SEPARATOR.length));
  return `${HEAD}${timestamp},"payload":{"id":"${messageId}","seq":${seq},"rule":${rule},"content":${content}}}`;
}
