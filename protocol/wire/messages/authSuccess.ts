import { defineMessage } from "./definition.ts";
import { exactly, Identifier, UnixSeconds } from "./fields.ts";

/** Node → follower: the connection is now the follower's session. */
export const AuthSuccess = defineMessage("auth_success", {
  identifier: Identifier,
  authenticatedAt: UnixSeconds,
  status: exactly("online"),
});
