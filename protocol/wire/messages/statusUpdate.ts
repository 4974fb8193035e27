import Type from "typebox";
import { FOLLOWER_STATUSES } from "../followerStatus.ts";
import { defineMessage } from "./definition.ts";
import { Identifier, oneOf, Reason } from "./fields.ts";

/** Node → follower: its status changed without its doing. */
export const StatusUpdate = defineMessage("status_update", {
  identifier: Identifier,
  status: oneOf(FOLLOWER_STATUSES),
  reason: Type.Optional(Reason),
});
