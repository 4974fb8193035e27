import { UsageError } from "./cliError.ts";

const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const MAX_MS = 365 * 86_400_000;

/** A span of time as a person writes it: a number and `s`, `m`, `h` or `d`, up to a year. Answers ms. @throws UsageError */
export function parseDuration(text: string): number {
  const [, count = "", unit = ""] = /^(\d{1,8})([smhd])$/u.exec(text) ?? [];
  const ms = Number(count) * (UNIT_MS[unit] ?? 0);
  if (ms > 0 && ms <= MAX_MS) return ms;
  throw new UsageError(
    "A time to live is a whole number of s, m, h or d, more than 0 and at most 365 days: write it like 90s, 10m, 24h or 7d.",
  );
}
