/** Bounds of the wait before a new connection, in milliseconds. */
export interface Backoff {
  /** Ceiling of the first wait. It doubles with every attempt. */
  readonly minMs: number;
  /** Ceiling of all waits. */
  readonly maxMs: number;
}

/** Keeps a node that closes at once from being asked in a tight loop. */
export const BACKOFF_FLOOR_MS = 50;

/** `Retry-After` is in whole seconds: less jitter than one would bring those back together that were told the same. */
const RETRY_AFTER_STEP_MS = 1_000;

/** A `Retry-After` beyond this is a mistake of whoever sent it. */
export const LONGEST_RETRY_AFTER_MS = 300_000;

/**
 * How long to wait before the next connection: full jitter, so that followers that lost a node together do not come back
 * together. After `Retry-After`, the jitter comes on top of what was asked for.
 *
 * @param attempt connections in a row that led to no lasting session, from 0.
 * @param random in [0, 1).
 */
export function backoffMs(bounds: Backoff, attempt: number, random: number, retryAfterMs?: number): number {
  const ceiling = Math.min(bounds.maxMs, bounds.minMs * 2 ** Math.min(attempt, 30));
  const asked = Math.min(Math.max(retryAfterMs ?? 0, 0), LONGEST_RETRY_AFTER_MS);
  const jitter = random * (asked > 0 ? Math.max(ceiling, RETRY_AFTER_STEP_MS) : ceiling);
  return Math.round(Math.max(asked + jitter, BACKOFF_FLOOR_MS));
}

/** The milliseconds that a `Retry-After` header asks for (seconds or an HTTP date), or undefined when it says nothing. */
export function retryAfterMs(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  // Date.parse takes nearly anything; every HTTP date begins with the name of a day.
  const at = /^[A-Z][a-z]{2}/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}
