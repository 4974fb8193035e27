import type { PairFailedReason } from "../wire/index.ts";
import type { StopCode } from "./stopReasons.ts";

/** The follower stopped and does not come back by itself. `whatToDo` is for the person who must act. */
export class FollowerStoppedError extends Error {
  override readonly name = "FollowerStoppedError";
  readonly code: StopCode;
  readonly reason: string;
  readonly whatToDo: string;

  constructor(stop: { code: StopCode; reason: string; whatToDo: string }, options?: ErrorOptions) {
    super(`The follower stopped (${stop.code}). ${stop.whatToDo}`, options);
    this.code = stop.code;
    this.reason = stop.reason;
    this.whatToDo = stop.whatToDo;
  }
}

/** `close()` was called; a closed follower is not used again. */
export class FollowerClosedError extends Error {
  override readonly name = "FollowerClosedError";
  readonly code = "closed";

  constructor() {
    super("The follower was closed. Make a new one to connect again.");
  }
}

/** What can go wrong with a code: what the node answers, or why no answer was had. */
export type PairError =
  | PairFailedReason
  /** No pairing is open now, or another code is being looked at. Wait for the event `pairing`. */
  | "no_pairing_open"
  /** The node answered with an error and the pairing stays open; try again later. */
  | "refused_for_now"
  /** The connection ended before the answer. */
  | "connection_lost"
  /** The node accepted the code, and the secret could not be saved: pair again. */
  | "secret_not_saved"
  | "closed";

const pairSentences: Readonly<Record<PairError, string>> = Object.freeze({
  expired: "The pairing code has expired. The follower asks for a new one.",
  invalid_code: "The pairing code is wrong. Check it and try again; the pairing is still open.",
  identifier_not_allowed: "The server does not allow this identifier. Ask its operator to add it to the allowlist.",
  admin_notification_failed: "The server could not give the code to the admin. Tell its operator.",
  internal_error: "The server failed while pairing. Try again with the next code.",
  rejected_by_admin: "The admin rejected the pairing. Ask them why.",
  too_many_attempts: "Too many wrong codes. The follower asks for a new one.",
  no_pairing_open: "No pairing waits for a code at this moment. Wait until the follower asks for one.",
  refused_for_now: "The server could not look at the code now. The pairing is still open; try again in a moment.",
  connection_lost: "The connection ended before the server answered. Wait until the follower asks for a code again.",
  secret_not_saved: "The pairing succeeded, but its secret could not be saved. Connect again and pair again.",
  closed: "The follower was closed.",
});

/** A code led to no pairing. */
export class PairFailedError extends Error {
  override readonly name = "PairFailedError";
  readonly code = "pair_failed";
  readonly reason: PairError;
  /** Whether another code can be given to the same pairing. */
  readonly pairingOpen: boolean;

  constructor(reason: PairError) {
    super(pairSentences[reason]);
    this.reason = reason;
    this.pairingOpen = reason === "invalid_code" || reason === "refused_for_now";
  }
}

/** There is no session to send on. */
export class NotConnectedError extends Error {
  override readonly name = "NotConnectedError";
  readonly code = "not_connected";

  constructor(message = "The follower is not authenticated. Send again after the event authenticated.") {
    super(message);
  }
}

/** The frame is longer than a node takes. */
export class MessageTooLargeError extends Error {
  override readonly name = "MessageTooLargeError";
  readonly code = "message_too_large";

  constructor(bytes: number, limit: number) {
    super(`The message takes ${bytes} bytes; a frame holds at most ${limit}. Send it in parts.`);
  }
}

/** More is sent than the network, the node or the rule's handlers take. The message was not sent. */
export class OverloadedError extends Error {
  override readonly name = "OverloadedError";
  readonly code = "overloaded";

  /** @param what what there is too much of, as a clause. */
  constructor(what: string) {
    super(`The message was not sent: ${what}. Await each send, or send less.`);
  }
}

/** Nobody holds the rule, so the node did not take the message. */
export class UnknownRuleError extends Error {
  override readonly name = "UnknownRuleError";
  readonly code = "unknown_rule";

  constructor(rule: string) {
    super(
      `Nobody handles the rule ${rule}. Check its spelling, or have its handler started; then send the message again.`,
    );
  }
}

/** The message's id belongs to another message. */
export class IdConflictError extends Error {
  override readonly name = "IdConflictError";
  readonly code = "id_conflict";
  readonly messageId: string;

  constructor(messageId: string) {
    super(`The id ${messageId} was used for another message. Give each message an id of its own.`);
    this.messageId = messageId;
  }
}

/** The node has not answered in time: the message may have been accepted, or not. */
export class DeliveryUnknownError extends Error {
  override readonly name = "DeliveryUnknownError";
  readonly code = "delivery_unknown";
  readonly messageId: string;

  constructor(messageId: string) {
    super(
      `The node did not say whether it took the message ${messageId}. Send it again with this id: it is handled once, however often it is sent.`,
    );
    this.messageId = messageId;
  }
}

export type StateFileErrorCode =
  | "state_locked"
  | "state_readable_by_others"
  | "state_of_another_identifier"
  | "state_corrupt"
  | "state_inaccessible";

/** The state file cannot be used. It was not changed. The message says what to do and shows nothing of its content. */
export class StateFileError extends Error {
  override readonly name = "StateFileError";
  readonly code: StateFileErrorCode;

  constructor(code: StateFileErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
