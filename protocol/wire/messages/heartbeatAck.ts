import { FOLLOWER_STATUSES } from "../followerStatus.ts";
import { defineMessage } from "./definition.ts";
import { Identifier, oneOf } from "./fields.ts";

/** Node → follower: the status that the heartbeat led to. */
export const HeartbeatAck = defineMessage("heartbeat_ack", {
  identifier: Identifier,
  status: oneOf(FOLLOWER_STATUSES),
});
