import type { Static } from "typebox";
import type { CloseReason } from "../closeCodes.ts";
import { defineMessage } from "./definition.ts";
import { Identifier, Reason } from "./fields.ts";

/**
 * Node → follower, before every forced close. A node sends the name of the close code and nothing else (the encoder sees to
 * it); a follower reads any text, because a later node may have more reasons and the close code's range says what to do.
 */
export const DisconnectNotice = defineMessage("disconnect_notice", { identifier: Identifier, reason: Reason });

/** The notice to send before closing with `closeCode(reason)`. */
export function disconnectNotice(identifier: string, reason: CloseReason): Static<typeof DisconnectNotice> {
  return { type: "disconnect_notice", payload: { identifier, reason } };
}
