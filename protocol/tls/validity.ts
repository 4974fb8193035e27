/** When a certificate is good: unix ms. */
export interface Validity {
  readonly from: number;
  readonly until: number;
}

export interface JudgedValidity {
  readonly state: "good" | "ends_soon" | "over" | "not_yet";
  /** Whole days until it ends; 0 in its last hours, and after that. */
  readonly daysLeft: number;
}

export const DAY_MS = 86_400_000;
/** What renews certificates does so earlier: 30 days before the end, or after two thirds of a short life. */
const SOON_MS = 14 * DAY_MS;
const SOON_SHARE = 1 / 4;

/** @param now unix ms. */
export function judgeValidity({ from, until }: Validity, now: number): JudgedValidity {
  const left = until - now;
  const daysLeft = Math.max(0, Math.floor(left / DAY_MS));
  if (left <= 0) return { state: "over", daysLeft };
  if (now < from) return { state: "not_yet", daysLeft };
  return { state: left < Math.min(SOON_MS, (until - from) * SOON_SHARE) ? "ends_soon" : "good", daysLeft };
}

/** `it ends in 9 days (2026-12-06)`: a clause for people. */
export function validityText(validity: Validity, now: number): string {
  const { state, daysLeft } = judgeValidity(validity, now);
  const days = (count: number) => `${count} ${count === 1 ? "day" : "days"}`;
  const date = (at: number) => new Date(at).toISOString().slice(0, 10);
  switch (state) {
    case "over":
      return `it ended ${days(Math.floor((now - validity.until) / DAY_MS))} ago (${date(validity.until)})`;
    case "not_yet":
      return `it is not good before ${date(validity.from)}`;
    case "good":
    case "ends_soon":
      return `it ends in ${days(daysLeft)} (${date(validity.until)})`;
  }
}
