import Type from "typebox";
import { defineMessage } from "./definition.ts";
import { CapabilityNames, Identifier, oneOf } from "./fields.ts";

/** What the follower has to do after its hello. */
export const NEXT_ACTIONS = ["pair_required", "waiting_pair_confirm", "auth_required", "rejected"] as const;
export type NextAction = (typeof NEXT_ACTIONS)[number];

/** Node → follower: the answer to a hello. */
export const HelloAck = defineMessage("hello_ack", {
  identifier: Identifier,
  nextAction: oneOf(NEXT_ACTIONS),
  /** Those that were granted; left out when the hello asked for none. */
  capabilities: Type.Optional(CapabilityNames),
});
