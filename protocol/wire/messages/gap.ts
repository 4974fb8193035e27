import { defineMessage } from "./definition.ts";
import { oneOf, Sequence } from "./fields.ts";

/** Why queued messages never reached the follower. `overflow` is reserved: a full queue refuses what is new. */
export const GAP_REASONS = ["overflow", "expired"] as const;

export type GapReason = (typeof GAP_REASONS)[number];

/** Node → follower, with the capability `ack`: the queued messages from `fromSeq` to `toSeq` were dropped. */
export const Gap = defineMessage("gap", { fromSeq: Sequence, toSeq: Sequence, reason: oneOf(GAP_REASONS) });
