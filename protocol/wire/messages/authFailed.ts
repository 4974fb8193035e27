import { defineMessage } from "./definition.ts";
import { Identifier, oneOf } from "./fields.ts";

export const AUTH_FAILED_REASONS = [
  "unknown_identifier",
  "not_paired",
  "invalid_signature",
  "invalid_secret",
  "stale_timestamp",
  "future_timestamp",
  "nonce_collision",
  "rate_limited",
] as const;
export type AuthFailedReason = (typeof AUTH_FAILED_REASONS)[number];

/** Node → follower: the proof was refused. The connection is closed after it. */
export const AuthFailed = defineMessage("auth_failed", { identifier: Identifier, reason: oneOf(AUTH_FAILED_REASONS) });
