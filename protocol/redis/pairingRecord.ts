import { randomBytes } from "node:crypto";
import type { AdminNotification } from "../wire/index.ts";

/** How many pairings and notices may be asked for. The windows of notices are an hour. */
export interface PairingLimits {
  readonly ttlMs: number;
  readonly maxTries: number;
  readonly maxPendingPerAddress: number;
  readonly maxNoticesPerAddress: number;
  readonly maxNotices: number;
  readonly noticeWindowMs: number;
  /** A refusal is remembered for so long, and not for longer than the pairing would have lasted. */
  readonly refusalMs: number;
}

export const PAIRING_LIMITS: PairingLimits = {
  ttlMs: 300_000,
  maxTries: 5,
  maxPendingPerAddress: 3,
  maxNoticesPerAddress: 5,
  maxNotices: 20,
  noticeWindowMs: 3_600_000,
  refusalMs: 300_000,
};

/** The connection that waits for a pairing: its node is told what becomes of it. */
export interface PairingWaiter {
  readonly nodeId: string;
  readonly connectionId: string;
  readonly address: string;
}

/** `now` is Redis time (ms). */
export type OpenedPairing =
  | {
      readonly outcome: "opened" | "joined";
      readonly pairingId: string;
      readonly expiresAt: number;
      readonly notice: AdminNotification;
      readonly now: number;
      /** An operator approved it already, and this connection may be given the secret. */
      readonly approved: boolean;
    }
  | { readonly outcome: "pending_limit" | "address_limit" | "identifier_limit"; readonly now: number }
  /** `denied`: an operator refused this key a moment ago. */
  | { readonly outcome: "not_allowed" | "denied" };

export type ConfirmedPairing =
  | { readonly outcome: "paired"; readonly pairedAt: number; readonly trustVersion: string }
  | { readonly outcome: "invalid_code"; readonly triesLeft: number }
  | { readonly outcome: "too_many_attempts" | "expired" | "not_allowed" | "denied" };

/** What came of an approval: the new trust, or none. `waiting`: this connection is not the one that was approved. */
export type GrantedPairing =
  | { readonly outcome: "paired"; readonly pairedAt: number; readonly trustVersion: string }
  | { readonly outcome: "waiting" | "expired" | "not_allowed" | "denied" };

/**
 * What came of an operator's yes. `already`: another one said it before, or the follower is paired by it. `gone`: the pairing is
 * over: expired, used by its code, refused, or void. `changed`: the key has another pairing by now. `not_allowed`: the identifier is
 * not on the allowlist. But for the first, nothing was changed.
 */
export type ApprovalOutcome = "approved" | "already" | "gone" | "changed" | "not_allowed";

/** What came of an operator's no. But for `denied`, nothing was changed. */
export type DenialOutcome = "denied" | "gone" | "changed";

/** What an admin is told. `code` is a secret: it goes to the notice and nowhere else. */
export interface PairingNotice {
  readonly pairingId: string;
  readonly identifier: string;
  readonly fingerprint: string;
  readonly code: string;
  readonly address: string;
  readonly expiresAt: number;
}

/** A pairing that waits: for a code, or for an operator's word. Instants are Redis time (ms). */
export interface PendingPairing {
  readonly pairingId: string;
  readonly identifier: string;
  readonly fingerprint: string;
  /** Where the follower connected from. */
  readonly address: string;
  readonly openedAt: number;
  readonly expiresAt: number;
  /** It was approved, and the follower has not come for its secret yet. */
  readonly approvedAt?: number;
}

/** So much of a pairing's id is typed and shown. */
export const SHORT_PAIRING_ID = 8;

/** Without the letters that are taken for others, in one case: people type the beginning of an id. */
const ID_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const ID_LENGTH = 20;

export function newPairingId(): string {
  return Array.from(randomBytes(ID_LENGTH), (byte) => ID_ALPHABET.charAt(byte % ID_ALPHABET.length)).join("");
}
