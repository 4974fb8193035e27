import Type from "typebox";
import { defineMessage } from "./definition.ts";
import { MessageId, oneOf, Reason } from "./fields.ts";

/** What a node made of a follower's message. `accepted` and `duplicate`: it is durable. */
export const MESSAGE_ACK_STATUSES = ["accepted", "duplicate", "rejected"] as const;

export type MessageAckStatus = (typeof MESSAGE_ACK_STATUSES)[number];

/** What a follower made of a queued message. Left out it means `accepted`. */
export const FOLLOWER_ACK_STATUSES = ["accepted", "rejected"] as const;

/** Why a node did not take a message. Only `overloaded` and `session_ended` are worth the same message again. */
export const MESSAGE_REJECTED_REASONS = ["unknown_rule", "overloaded", "id_conflict", "session_ended"] as const;

export type MessageRejectedReason = (typeof MESSAGE_REJECTED_REASONS)[number];

/**
 * Follower → node: the queued message was handled, or never can be (`rejected`: it becomes a dead letter and its sender
 * reads so). `reason` is for a person.
 */
export const FollowerMessageAck = defineMessage("message_ack", {
  id: MessageId,
  status: Type.Optional(oneOf(FOLLOWER_ACK_STATUSES)),
  reason: Type.Optional(Reason),
});

/** Node → follower: what became of its message. `reason` is there when it was rejected. */
export const NodeMessageAck = defineMessage("message_ack", {
  id: MessageId,
  status: oneOf(MESSAGE_ACK_STATUSES),
  reason: Type.Optional(oneOf(MESSAGE_REJECTED_REASONS)),
});
