import type {
  AdminNotification,
  AuthFailedReason,
  ErrorCode,
  FollowerStatus,
  GapReason,
  PairFailedReason,
} from "../wire/index.ts";
import type { FollowerState } from "./followerState.ts";
import type { StopCode } from "./stopReasons.ts";

/** A code is needed from the admin. Show the fingerprint: the admin compares it with the one in their notice. */
export interface CodeNeeded {
  readonly identifier: string;
  readonly fingerprint: string;
  /** Unix seconds. */
  readonly expiresAt: number;
  readonly adminNotification: AdminNotification;
}

/** The events of a follower and what their listeners are given. */
export interface FollowerEvents {
  /** The follower is in another state. */
  state: FollowerState;
  /** A pairing waits for its code; once more whenever the notice to the admin gets further. */
  pairing: CodeNeeded;
  /** A code, or the whole pairing, failed. `pairingOpen`: another code can be given. */
  pair_failed: { readonly reason: PairFailedReason; readonly pairingOpen: boolean };
  /** The pairing succeeded and its secret is saved. `pairedAt` is unix seconds. */
  paired: { readonly pairedAt: number };
  /** The follower has a session. `authenticatedAt` is unix seconds. */
  authenticated: { readonly authenticatedAt: number };
  /** The proof was refused. The follower comes back with growing waits unless `stopped` follows. */
  auth_failed: { readonly reason: AuthFailedReason };
  /**
   * A message from the server. One that the server keeps until it was handled has an `id` and a `seq`, its place in the queue:
   * such messages come one after the other, when the promises of the listeners before have resolved. When a listener fails
   * it is called again with the same message, after 1, 2, 4 and 8 s; then the message is rejected.
   */
  message: { readonly rule: string; readonly content: string; readonly id?: string; readonly seq?: number };
  /** The listeners failed with this message in every try. The server keeps it as a dead letter. */
  message_failed: { readonly id: string; readonly seq: number; readonly rule: string; readonly tries: number };
  /** Queued messages that will never come. Told once, and once more when the run has grown. */
  gap: { readonly fromSeq: number; readonly toSeq: number; readonly reason: GapReason };
  /** The server told the follower's liveness, in answer to a heartbeat or by itself. */
  status: { readonly status: FollowerStatus; readonly reason?: string };
  /** The node refused a frame. The connection goes on. */
  error_frame: { readonly code: ErrorCode; readonly message: string };
  /** A frame was ignored: this version cannot read it. The reason shows nothing of its content. */
  bad_frame: { readonly reason: string };
  /** The node says why it is about to close. */
  notice: { readonly reason: string };
  /** A connection ended, or could not be made. `inMs` is the wait before the next one. */
  disconnected:
    | { readonly code: number; readonly reason: string; readonly willReconnect: true; readonly inMs: number }
    | { readonly code: number; readonly reason: string; readonly willReconnect: false };
  /** The follower does not come back until a person acts. */
  stopped: { readonly code: StopCode; readonly reason: string; readonly whatToDo: string };
}

export type FollowerEventName = keyof FollowerEvents;

/** An event with what belongs to it, as data. */
export type FollowerEmission = {
  [Name in FollowerEventName]: { readonly name: Name; readonly value: FollowerEvents[Name] };
}[FollowerEventName];
