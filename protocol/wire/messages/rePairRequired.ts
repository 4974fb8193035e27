import { defineMessage } from "./definition.ts";
import { Identifier, oneOf } from "./fields.ts";

export const RE_PAIR_REASONS = ["nonce_collision", "rate_limited", "trust_revoked"] as const;
export type RePairReason = (typeof RE_PAIR_REASONS)[number];

/** Node → follower: its trust was cleared; its secret is worth nothing any more. */
export const RePairRequired = defineMessage("re_pair_required", {
  identifier: Identifier,
  reason: oneOf(RE_PAIR_REASONS),
});
