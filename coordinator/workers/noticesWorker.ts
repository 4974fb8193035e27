import { createHash } from "node:crypto";
import type { Logger } from "@yonexus/protocol/log";
import {
  type LimitNoticeJob,
  NOTICE_ATTEMPTS,
  type NoticeJob,
  type PairingNotice,
  type PairingNoticeJob,
  type PairingStore,
  QUEUE_NAMES,
  type RedisConnection,
  redisNow,
  type TakeoverNoticeJob,
  UnsealError,
} from "@yonexus/protocol/redis";
import { type Job, type Queue, type RateLimiterOptions, UnrecoverableError, Worker, type WorkerOptions } from "bullmq";
import { NoticeDeliveryError, type Notifier, type OperatorNotice } from "../notifications/notifier.ts";
import { type BackoffTimes, decideNotice, NOTICE_FAILURES, type NoticeFailureReason } from "../notifications/policy.ts";
import { parseNoticeJob } from "./noticeJob.ts";

/** Hears what became of notices, to count it. */
interface NoticeMeter {
  notice(kind: OperatorNotice["kind"], result: "sent" | "retried" | "paused"): void;
  noticeGivenUp(kind: OperatorNotice["kind"], reason: NoticeFailureReason): void;
}

export interface NoticesWorkerParts {
  readonly redis: RedisConnection;
  readonly pairings: PairingStore;
  readonly notifier: Notifier;
  readonly queue: Queue<NoticeJob>;
  readonly meter: NoticeMeter;
  readonly logger: Logger;
  readonly backoff: BackoffTimes;
}

/**
 * What Discord lets a bot send into one conversation. It must be set for another reason too: BullMQ looks at a pause of
 * the whole queue (`rateLimit`) only in workers that have a limit of their own.
 */
const LIMITER: RateLimiterOptions = { max: 5, duration: 5_000 };

/** Sent at the same time: one that hangs does not keep the next. */
const CONCURRENCY = 2;

/** More than any count that BullMQ's limiter reaches by itself: it is there while a pause is on. */
const PAUSED = Number.MAX_SAFE_INTEGER;

/** The next try, with the wait that the policy drew. */
class NoticeRetryError extends Error {
  readonly code = "NOTICE_RETRY";
  readonly afterMs: number;

  constructor(message: string, afterMs: number) {
    super(message);
    this.afterMs = afterMs;
  }
}

/** Tells the operator of pairings. The code is read when the job runs, and leaves this process to the notifier alone. */
export class NoticesWorker {
  readonly worker: Worker<NoticeJob, void>;
  readonly #parts: NoticesWorkerParts;

  constructor(parts: NoticesWorkerParts, options: WorkerOptions) {
    this.#parts = parts;
    this.worker = new Worker<NoticeJob, void>(QUEUE_NAMES.notices, async (job) => this.#run(job), {
      ...options,
      concurrency: CONCURRENCY,
      limiter: LIMITER,
      settings: {
        // Any other error is of Redis: the notice may have gone out, and `nonce` keeps it from being shown twice.
        backoffStrategy: (_tries, _type, error) => (error instanceof NoticeRetryError ? error.afterMs : 1_000),
      },
    });
    this.worker.on("failed", (job, error) => {
      parts.logger.debug(
        { event: "notice_try_failed", jobId: job?.id, error: error.message },
        "A try of a notice failed.",
      );
    });
  }

  async #run(job: Job<NoticeJob, void>): Promise<void> {
    const data = parseNoticeJob(job.data);
    if (data === undefined) throw new UnrecoverableError("The job is of a form that this release does not know.");
    switch (data.kind) {
      case "pairing":
        return this.#tellPairing(job, data);
      case "limit":
        return this.#tellLimit(job, data);
      case "takeover":
        return this.#tellTakeover(job, data);
    }
  }

  async #tellPairing(job: Job<NoticeJob, void>, data: PairingNoticeJob): Promise<void> {
    const pairing = await this.#readPairing(data);
    // Confirmed, expired or told already: nothing is left to do.
    if (pairing === undefined) return;
    const now = await redisNow(this.#parts.redis);
    const minutesLeft = Math.max(1, Math.ceil((pairing.expiresAt - now) / 60_000));
    await this.#send(job, { kind: "pairing", id: pairing.pairingId.slice(0, 25), pairing, minutesLeft });
    await this.#parts.pairings.resolveNotice(data.identifier, data.fingerprint, data.pairingId, "sent");
    this.#parts.logger.info(
      { event: "notice_sent", kind: data.kind, identifier: data.identifier, pairingId: data.pairingId },
      "The operator was told of a pairing.",
    );
  }

  async #tellLimit(job: Job<NoticeJob, void>, limit: LimitNoticeJob): Promise<void> {
    await this.#send(job, { kind: "limit", id: noticeId(job), limit });
    this.#parts.logger.info(
      { event: "notice_sent", kind: limit.kind, identifier: limit.identifier, limit: limit.limit },
      "The operator was told of a limit.",
    );
  }

  async #tellTakeover(job: Job<NoticeJob, void>, takeover: TakeoverNoticeJob): Promise<void> {
    await this.#send(job, { kind: "takeover", id: noticeId(job), takeover });
    this.#parts.logger.info(
      { event: "notice_sent", kind: takeover.kind, identifier: takeover.identifier },
      "The operator was told of a takeover conflict.",
    );
  }

  async #readPairing(data: PairingNoticeJob): Promise<PairingNotice | undefined> {
    try {
      return await this.#parts.pairings.notice(data.identifier, data.fingerprint, data.pairingId);
    } catch (error) {
      if (!(error instanceof UnsealError)) throw error;
      return this.#giveUp(data, "unseal_failed", error.message);
    }
  }

  async #send(job: Job<NoticeJob, void>, notice: OperatorNotice): Promise<void> {
    try {
      await this.#parts.notifier.send(notice);
      this.#parts.meter.notice(notice.kind, "sent");
    } catch (error) {
      if (!(error instanceof NoticeDeliveryError)) throw error;
      await this.#afterFailure(job, notice, error);
    }
  }

  /** Ends in an error always: it tells BullMQ what becomes of the job. */
  async #afterFailure(job: Job<NoticeJob, void>, notice: OperatorNotice, error: NoticeDeliveryError): Promise<never> {
    const { redis, backoff, queue, meter, logger } = this.#parts;
    const decision = decideNotice(error.failure, {
      tries: job.attemptsMade + 1,
      maxTries: job.opts.attempts ?? NOTICE_ATTEMPTS,
      ...(notice.kind === "pairing" ? { remainingMs: notice.pairing.expiresAt - (await redisNow(redis)) } : {}),
      backoff,
      random: Math.random(),
    });
    const record = recordOf(notice);
    switch (decision.action) {
      case "retry":
        meter.notice(notice.kind, "retried");
        logger.info(
          { event: "notice_retried", ...subjectOf(record), error: error.message, ...decision },
          "A notice is tried again.",
        );
        throw new NoticeRetryError(error.message, decision.afterMs);
      case "pause":
        meter.notice(notice.kind, "paused");
        logger.warn(
          { event: "notices_paused", forMs: decision.forMs },
          "Discord limits the bot: no notice goes out for a while.",
        );
        // Another worker's pause may be on, and longer.
        if ((await queue.getRateLimitTtl(PAUSED)) < decision.forMs) await queue.rateLimit(decision.forMs);
        if (decision.tooLate) return this.#giveUp(record, "pairing_expiring", error.message);
        throw Worker.RateLimitError();
      case "giveUp":
        return this.#giveUp(record, decision.reason, error.message);
    }
  }

  /** Ends the pairing, so that its follower is told and may try again at once. */
  async #giveUp(
    notice: PairingNoticeJob | ReturnType<typeof recordOf>,
    reason: NoticeFailureReason,
    error: string,
  ): Promise<never> {
    const { identifier } = notice;
    this.#parts.meter.noticeGivenUp("pairingId" in notice ? "pairing" : notice.kind, reason);
    if ("pairingId" in notice) {
      const { fingerprint, pairingId } = notice;
      await this.#parts.pairings.resolveNotice(identifier, fingerprint, pairingId, "failed", reason);
    }
    this.#parts.logger.error(
      { event: "notice_given_up", ...subjectOf(notice), reason, error },
      NOTICE_FAILURES[reason],
    );
    throw new UnrecoverableError(`${reason}: ${error}`);
  }
}

/** Whose notice it is, and the pairing if it is of one. */
function subjectOf(record: { readonly identifier: string; readonly pairingId?: string }) {
  const { identifier, pairingId } = record;
  return pairingId === undefined ? { identifier } : { identifier, pairingId };
}

function recordOf(notice: OperatorNotice): PairingNotice | LimitNoticeJob | TakeoverNoticeJob {
  switch (notice.kind) {
    case "pairing":
      return notice.pairing;
    case "limit":
      return notice.limit;
    case "takeover":
      return notice.takeover;
  }
}

/** Of a notice that is not a pairing's: the same for every try of the job. */
function noticeId({ id }: Job<NoticeJob, void>): string {
  return createHash("sha256")
    .update(id ?? "")
    .digest("base64url")
    .slice(0, 25);
}
