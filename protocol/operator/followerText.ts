import type { FollowerSummary } from "../redis/index.ts";
import { ageText } from "./age.ts";
import { plainText } from "./plainText.ts";

/** When the follower was last heard of (Redis time, ms). */
export function lastSeenAt({ lastHeartbeatAt, endedAt }: FollowerSummary): number | undefined {
  const known = [lastHeartbeatAt, endedAt].filter((at) => at !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}

export const FOLLOWER_COLUMNS = [
  "identifier",
  "status",
  "node",
  "last seen",
  "queued",
  "paired",
  "fingerprint",
] as const;

/** A follower as a row of `FOLLOWER_COLUMNS`. @param now Redis time (ms). */
export function followerRow(follower: FollowerSummary, now: number): string[] {
  const seenAt = lastSeenAt(follower);
  return [
    follower.identifier,
    follower.allowed ? follower.status : `${follower.status}, not allowed`,
    plainText(follower.node ?? ""),
    seenAt === undefined ? "never" : ageText(seenAt, now),
    follower.queued === 0 ? "" : String(follower.queued),
    pairedText(follower),
    plainText(follower.fingerprint ?? ""),
  ];
}

function pairedText({ paired, pendingPairings }: FollowerSummary): string {
  const pending = pendingPairings === 0 ? "" : `${pendingPairings} waiting for a code`;
  return [paired ? "yes" : "no", pending].filter((text) => text !== "").join(", ");
}
