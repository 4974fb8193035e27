import type { MessageRecord, SendResult } from "@yonexus/protocol/redis";

/** For an agent: the reason of a refusal is the follower's own words, and is called so. */
export function forAgent<T extends SendResult | MessageRecord>(
  outcome: T,
): Omit<T, "reason"> & { readonly reason?: string; readonly untrustedWordsOfFollower?: string } {
  const isRefused = ("result" in outcome ? outcome.result : outcome.state) === "rejected";
  if (!isRefused || !("reason" in outcome) || typeof outcome.reason !== "string") return outcome;
  const { reason, ...rest } = outcome;
  return { ...rest, ...(reason === "" ? {} : { untrustedWordsOfFollower: reason }) };
}
