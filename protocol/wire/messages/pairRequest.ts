import { defineMessage } from "./definition.ts";
import { DurationSeconds, exactly, Identifier, oneOf, UnixSeconds } from "./fields.ts";

/** How far the notice that gives the pairing code to the admin has come. */
export const ADMIN_NOTIFICATIONS = ["sent", "failed", "pending"] as const;
export type AdminNotification = (typeof ADMIN_NOTIFICATIONS)[number];

/** Node → follower: a pairing is open. It never holds the code, which travels by way of the admin alone. */
export const PairRequest = defineMessage("pair_request", {
  identifier: Identifier,
  expiresAt: UnixSeconds,
  ttlSeconds: DurationSeconds,
  adminNotification: oneOf(ADMIN_NOTIFICATIONS),
  codeDelivery: exactly("out_of_band"),
});
