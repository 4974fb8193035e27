/** Swept liveness: `unstable` after 7 minutes without a heartbeat, `offline` after 11. */
export const FOLLOWER_STATUSES = ["online", "unstable", "offline"] as const;
export type FollowerStatus = (typeof FOLLOWER_STATUSES)[number];
