/** The BullMQ queues by name. */
export const QUEUE_NAMES = { notices: "notices", sweeps: "sweeps" } as const;

/**
 * Tells the admin of a pairing. The job names the record and holds nothing of it: the code is read, sealed, when the job
 * runs. Its `jobId` is the pairing's id, so that adding it again does nothing.
 */
export interface PairingNoticeJob {
  readonly kind: "pairing";
  readonly identifier: string;
  readonly fingerprint: string;
  readonly pairingId: string;
}

/** Tells the operator that an identifier used up its pairing notices. */
export interface LimitNoticeJob {
  readonly kind: "limit";
  readonly identifier: string;
  readonly address: string;
  readonly limit: "pending_limit" | "address_limit" | "identifier_limit";
}

/** Tells the operator that followers at several addresses use one identifier. */
export interface TakeoverNoticeJob {
  readonly kind: "takeover";
  readonly identifier: string;
  /** Of the follower that was refused. */
  readonly address: string;
  /** Of the follower that keeps the session. */
  readonly owner: string;
}

export type NoticeJob = PairingNoticeJob | LimitNoticeJob | TakeoverNoticeJob;

/** How many ended jobs stay, and for how long (s): enough to look into a fault, bounded however busy. */
export const JOB_RETENTION = {
  removeOnComplete: { count: 100, age: 3_600 },
  removeOnFail: { count: 500, age: 86_400 },
} as const;

/** A notice is tried again while its pairing can still be confirmed: about five minutes in all. */
export const NOTICE_ATTEMPTS = 8;

/** The options that every producer of a notice gives. @param now Redis time (ms): no process's own clock decides which hour it is. */
export function noticeJobOptions(
  job: NoticeJob,
  now: number,
): {
  jobId: string;
  attempts: number;
  backoff: { type: "custom" };
  removeOnComplete: { count: number; age: number };
  removeOnFail: { count: number; age: number };
} {
  return { jobId: noticeJobId(job, now), attempts: NOTICE_ATTEMPTS, backoff: { type: "custom" }, ...JOB_RETENTION };
}

/** Of the same kind of trouble the operator is told once an hour. */
function noticeJobId(job: NoticeJob, now: number): string {
  const hour = Math.floor(now / 3_600_000);
  switch (job.kind) {
    case "pairing":
      return job.pairingId;
    case "limit":
      return `limit-${job.identifier}-${job.limit}-${hour}`;
    case "takeover":
      return `takeover-${job.identifier}-${hour}`;
  }
}
