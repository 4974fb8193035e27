import type { LimitNoticeJob, PairingNotice, TakeoverNoticeJob } from "@yonexus/protocol/redis";

/** What the operator is to be told. `id` is the same for every try of one notice, and has at most 25 characters. */
export type OperatorNotice =
  | {
      readonly kind: "pairing";
      readonly id: string;
      readonly pairing: PairingNotice;
      /** Rounded up: what a person is told. */
      readonly minutesLeft: number;
    }
  | { readonly kind: "limit"; readonly id: string; readonly limit: LimitNoticeJob }
  | { readonly kind: "takeover"; readonly id: string; readonly takeover: TakeoverNoticeJob };

/** A way to reach the operator. */
export interface Notifier {
  /** Resolves when the operator's side has taken the notice. @throws NoticeDeliveryError */
  send(notice: OperatorNotice): Promise<void>;
}

/** Why a notice was not taken: what the decision about the next try is made from. */
export interface DeliveryFailure {
  /** The HTTP status; absent when no answer came. */
  readonly status?: number;
  /** Discord's own number for what is wrong. */
  readonly discordCode?: number;
  /** How long the other side asks to wait (ms), as it said it. */
  readonly retryAfterMs?: number;
}

/** The operator's side did not take the notice. The message names what was asked and the answer, never what was sent. */
export class NoticeDeliveryError extends Error {
  override readonly name = "NoticeDeliveryError";
  readonly code = "NOTICE_NOT_DELIVERED";
  readonly failure: DeliveryFailure;

  constructor(message: string, failure: DeliveryFailure) {
    super(message);
    this.failure = failure;
  }
}
