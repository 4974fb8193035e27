import type { BackoffTimes } from "./notifications/policy.ts";

/** Times that are no settings: one value is right everywhere, and tests have shorter ones. All in ms. */
export interface Tuning {
  /** How long a job is a worker's own without a sign of life; a dead worker's job is taken up again after that. */
  readonly lockMs: number;
  /** How often the workers look for jobs of dead ones. */
  readonly stalledCheckMs: number;
  /** How often the schedules are checked: they are gone when Redis lost its data. */
  readonly scheduleCheckMs: number;
  readonly retentionEveryMs: number;
  /** How long one sweep goes on before it leaves the rest to the next. */
  readonly sweepBudgetMs: number;
  readonly discordTimeoutMs: number;
  readonly noticeBackoff: BackoffTimes;
  /** How long a stop waits for the jobs at work. */
  readonly stopGraceMs: number;
}

export const TUNING: Tuning = {
  lockMs: 15_000,
  stalledCheckMs: 10_000,
  scheduleCheckMs: 10_000,
  retentionEveryMs: 600_000,
  sweepBudgetMs: 2_000,
  discordTimeoutMs: 10_000,
  // With the tries of NOTICE_ATTEMPTS: over two minutes on average, about five at most.
  noticeBackoff: { baseMs: 4_000, capMs: 80_000 },
  stopGraceMs: 5_000,
};
