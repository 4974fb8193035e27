import { defineMessage } from "./definition.ts";
import { Identifier, PairingCode } from "./fields.ts";

/** Follower → node: the code that a person passed on, as they typed it. */
export const PairConfirm = defineMessage("pair_confirm", { identifier: Identifier, pairingCode: PairingCode });
