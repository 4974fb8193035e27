import { defineMessage } from "./definition.ts";
import { Identifier, oneOf } from "./fields.ts";

export const PAIR_FAILED_REASONS = [
  "expired",
  "invalid_code",
  "identifier_not_allowed",
  "admin_notification_failed",
  "internal_error",
  "rejected_by_admin",
  "too_many_attempts",
] as const;
export type PairFailedReason = (typeof PAIR_FAILED_REASONS)[number];

/** Node → follower. `invalid_code` leaves the pairing open for another try; every other reason ends it. */
export const PairFailed = defineMessage("pair_failed", { identifier: Identifier, reason: oneOf(PAIR_FAILED_REASONS) });
