import { defineMessage } from "./definition.ts";
import { Identifier, Secret, UnixSeconds } from "./fields.ts";

/** Node → follower: the shared secret, the only time it is ever sent. */
export const PairSuccess = defineMessage("pair_success", {
  identifier: Identifier,
  secret: Secret,
  pairedAt: UnixSeconds,
});
