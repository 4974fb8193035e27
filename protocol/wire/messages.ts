import type { Static } from "typebox";
import { AuthFailed } from "./messages/authFailed.ts";
import { AuthRequest } from "./messages/authRequest.ts";
import { AuthSuccess } from "./messages/authSuccess.ts";
import { DisconnectNotice } from "./messages/disconnectNotice.ts";
import { ErrorAnswer } from "./messages/error.ts";
import { Gap } from "./messages/gap.ts";
import { Heartbeat } from "./messages/heartbeat.ts";
import { HeartbeatAck } from "./messages/heartbeatAck.ts";
import { Hello } from "./messages/hello.ts";
import { HelloAck } from "./messages/helloAck.ts";
import { FollowerSentMessage, NodeSentMessage } from "./messages/message.ts";
import { FollowerMessageAck, NodeMessageAck } from "./messages/messageAck.ts";
import { PairConfirm } from "./messages/pairConfirm.ts";
import { PairFailed } from "./messages/pairFailed.ts";
import { PairRequest } from "./messages/pairRequest.ts";
import { PairSuccess } from "./messages/pairSuccess.ts";
import { RePairRequired } from "./messages/rePairRequired.ts";
import { StatusUpdate } from "./messages/statusUpdate.ts";

export { AUTH_FAILED_REASONS, type AuthFailedReason } from "./messages/authFailed.ts";
export { disconnectNotice } from "./messages/disconnectNotice.ts";
export { GAP_REASONS, type GapReason } from "./messages/gap.ts";
export { NEXT_ACTIONS, type NextAction } from "./messages/helloAck.ts";
export {
  FOLLOWER_ACK_STATUSES,
  MESSAGE_ACK_STATUSES,
  MESSAGE_REJECTED_REASONS,
  type MessageAckStatus,
  type MessageRejectedReason,
} from "./messages/messageAck.ts";
export { PAIR_FAILED_REASONS, type PairFailedReason } from "./messages/pairFailed.ts";
export { ADMIN_NOTIFICATIONS, type AdminNotification } from "./messages/pairRequest.ts";
export { RE_PAIR_REASONS, type RePairReason } from "./messages/rePairRequired.ts";

/** The schemas of what a follower sends, one for each `type`. */
export const FOLLOWER_MESSAGES = [
  Hello,
  PairConfirm,
  AuthRequest,
  Heartbeat,
  FollowerSentMessage,
  FollowerMessageAck,
] as const;

/** The schemas of what a node sends, one for each `type`. */
export const NODE_MESSAGES = [
  HelloAck,
  PairRequest,
  PairSuccess,
  PairFailed,
  AuthSuccess,
  AuthFailed,
  RePairRequired,
  HeartbeatAck,
  StatusUpdate,
  NodeSentMessage,
  NodeMessageAck,
  Gap,
  DisconnectNotice,
  ErrorAnswer,
] as const;

/** A builtin message from a follower, told apart by `type`. `timestamp` is unix seconds. */
export type FollowerMessage = Static<(typeof FOLLOWER_MESSAGES)[number]>;

/** A builtin message from a node, told apart by `type`. `timestamp` is unix seconds. */
export type NodeMessage = Static<(typeof NODE_MESSAGES)[number]>;

/** The message of one direction with this `type`, for the signature of its handler. */
export type FollowerMessageOf<Name extends FollowerMessage["type"]> = Extract<FollowerMessage, { type: Name }>;
export type NodeMessageOf<Name extends NodeMessage["type"]> = Extract<NodeMessage, { type: Name }>;
