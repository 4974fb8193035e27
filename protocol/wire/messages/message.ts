import { defineMessage } from "./definition.ts";
import { Content, MessageId, Rule, Sequence } from "./fields.ts";

/** Follower → node, with the capability `ack`: a message under a rule, answered `message_ack`. */
export const FollowerSentMessage = defineMessage("message", { id: MessageId, rule: Rule, content: Content });

/**
 * Node → follower, with the capability `ack`: a queued message. It comes again after every reconnect, in the order of
 * `seq`, until it was answered `message_ack`.
 */
export const NodeSentMessage = defineMessage("message", { id: MessageId, seq: Sequence, rule: Rule, content: Content });
