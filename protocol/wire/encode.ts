import { isCloseReason } from "./closeCodes.ts";
import { followerEnvelope, nodeEnvelope } from "./codec.ts";
import { EncodeError } from "./encodeError.ts";
import { type Envelope, isRecord } from "./envelope.ts";
import { BUILTIN, SEPARATOR } from "./limits.ts";
import type { FollowerMessage, NodeMessage } from "./messages.ts";

/**
 * The frame of a follower's message. Only declared fields are written. Throws an `EncodeError` that names the field when a
 * value is outside its schema: a peer would refuse the frame.
 */
export function encodeFollowerMessage(message: FollowerMessage): string {
  return encodeBuiltin(message, followerEnvelope);
}

/**
 * The frame of a node's message. Only declared fields are written. Throws an `EncodeError` that names the field when a value
 * is outside its schema, or when the reason of a `disconnect_notice` is not in the table of close codes.
 */
export function encodeNodeMessage(message: NodeMessage): string {
  if (message.type === "disconnect_notice" && !isCloseReason(message.payload.reason)) {
    throw new EncodeError("INVALID_MESSAGE", "disconnect_notice: payload.reason must be the name of a close code");
  }
  return encodeBuiltin(message, nodeEnvelope);
}

function encodeBuiltin<Message extends object>(message: Message, envelope: Envelope<Message>): string {
  const picked = isRecord(message) ? envelope.pick(message) : undefined;
  if (picked === undefined) throw new EncodeError("INVALID_MESSAGE", "type must name a message that this side sends");
  if (!envelope.accepts(picked)) throw new EncodeError("INVALID_MESSAGE", envelope.explain(picked));
  return `${BUILTIN}${SEPARATOR}${JSON.stringify(picked)}`;
}
