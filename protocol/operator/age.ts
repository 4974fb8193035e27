const UNITS = [
  { name: "d", ms: 86_400_000 },
  { name: "h", ms: 3_600_000 },
  { name: "min", ms: 60_000 },
  { name: "s", ms: 1_000 },
] as const;

/** How long ago an instant was, in the largest unit that fits: `3 min ago`. @param at, now unix ms of the same clock. */
export function ageText(at: number, now: number): string {
  const elapsed = now - at;
  return elapsed < 1_000 ? "just now" : `${spanText(elapsed)} ago`;
}

/** A span of time in the largest unit that fits, rounded down: `4 min`. @param ms at least 0. */
export function spanText(ms: number): string {
  const unit = UNITS.find((candidate) => ms >= candidate.ms) ?? UNITS[3];
  return `${Math.floor(ms / unit.ms)} ${unit.name}`;
}

/** How long something still lasts: seconds up to two minutes, then whole minutes, rounded to the nearest: `5 min`. */
export function remainingText(ms: number): string {
  const left = Math.max(0, ms);
  return left < 120_000 ? `${Math.round(left / 1_000)} s` : `${Math.round(left / 60_000)} min`;
}
