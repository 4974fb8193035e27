import type { DeliveryFailure } from "./notifier.ts";

/** What to do about a notice that was not taken. Times in ms. */
export type NoticeDecision =
  | { readonly action: "retry"; readonly afterMs: number }
  /** The other side limits us: nothing goes out for so long. `tooLate`: this notice is of no use by then. */
  | { readonly action: "pause"; readonly forMs: number; readonly tooLate: boolean }
  | { readonly action: "giveUp"; readonly reason: NoticeFailureReason };

export type NoticeFailureReason = keyof typeof NOTICE_FAILURES;

/** Why notices fail for good, and what the operator does about each. */
export const NOTICE_FAILURES = {
  bot_token_refused:
    "Discord refused the bot token: set YONEXUS_NOTIFY_BOT_TOKEN to a token that is valid now, and start the coordinator again.",
  admin_unreachable:
    "Discord does not let the bot write to the admin: the admin must share a server with the bot, allow direct messages from it, and not block the bot.",
  admin_unknown:
    "Discord does not know the admin: set YONEXUS_ADMIN_USER_ID to the admin's user id, and start the coordinator again.",
  opening_too_fast: "Discord says that the bot opens conversations too fast: try to pair again in a few minutes.",
  forbidden: "Discord does not let the bot do this: look at the bot's page whether it was limited.",
  request_refused: "Discord did not understand the request: see whether YONEXUS_DISCORD_API_URL is right.",
  notifier_unreachable:
    "The notice did not get through in all its tries, for the reason told with it: mend that, and pair again.",
  pairing_expiring: "The notice did not get through while the pairing could still be confirmed: pair again.",
  unseal_failed:
    "The pairing code cannot be read here: give every process of the cluster the same YONEXUS_MASTER_KEY, and pair again.",
} as const;

/** Discord's numbers that say more than the status beside them. The same one comes with 400 as well as with 403. */
const REASONS_BY_DISCORD_CODE: Readonly<Record<number, NoticeFailureReason>> = {
  10013: "admin_unknown",
  40003: "opening_too_fast",
  50007: "admin_unreachable",
  50033: "admin_unknown",
  50278: "admin_unreachable",
};

export interface BackoffTimes {
  /** The first wait is a random part of this (ms); it doubles with each try. */
  readonly baseMs: number;
  /** No wait is longer (ms). */
  readonly capMs: number;
}

export interface NoticeSituation {
  /** Tries made so far, the failed one among them. */
  readonly tries: number;
  readonly maxTries: number;
  /** Until the notice is of no use (ms); undefined when it never is. */
  readonly remainingMs?: number;
  readonly backoff: BackoffTimes;
  /** From 0 up to, not including, 1. */
  readonly random: number;
}

/** A code that reaches a person with less than this left (ms) cannot be relayed any more. */
export const MIN_USEFUL_MS = 10_000;

/** Bounds of a pause that the other side asks for (ms), and the pause when it does not say how long. */
const MIN_PAUSE_MS = 250;
const MAX_PAUSE_MS = 300_000;
const DEFAULT_PAUSE_MS = 5_000;

/** Decides from the failure and the situation alone. */
export function decideNotice(failure: DeliveryFailure, situation: NoticeSituation): NoticeDecision {
  const usefulMs = (situation.remainingMs ?? Number.POSITIVE_INFINITY) - MIN_USEFUL_MS;
  if (failure.status === 429) {
    const forMs = pauseFor(failure.retryAfterMs);
    return { action: "pause", forMs, tooLate: forMs > usefulMs };
  }
  const reason = permanentReason(failure);
  if (reason !== undefined) return { action: "giveUp", reason };
  if (situation.tries >= situation.maxTries) return { action: "giveUp", reason: "notifier_unreachable" };
  if (usefulMs <= 0) return { action: "giveUp", reason: "pairing_expiring" };
  return { action: "retry", afterMs: Math.min(backoffMs(situation), Math.floor(usefulMs)) };
}

/** Exponential backoff with full jitter, so that many notices that failed together do not come back together. */
function backoffMs({ tries, backoff, random }: NoticeSituation): number {
  const ceiling = Math.min(backoff.capMs, backoff.baseMs * 2 ** Math.max(0, tries - 1));
  return Math.floor(random * ceiling);
}

function pauseFor(askedMs: number | undefined): number {
  if (askedMs === undefined || !Number.isFinite(askedMs)) return DEFAULT_PAUSE_MS;
  return Math.min(MAX_PAUSE_MS, Math.max(MIN_PAUSE_MS, Math.ceil(askedMs)));
}

/** No answer, a timeout of the other side's own and its 5xx may pass; every other refusal will be the same next time. */
function permanentReason({ status, discordCode }: DeliveryFailure): NoticeFailureReason | undefined {
  if (status === undefined || status < 300 || status === 408 || status >= 500) return undefined;
  const told = discordCode === undefined ? undefined : REASONS_BY_DISCORD_CODE[discordCode];
  if (told !== undefined) return told;
  switch (status) {
    case 401:
      return "bot_token_refused";
    case 403:
      return "forbidden";
    default:
      return "request_refused";
  }
}
