import type { AdminNotification, FollowerStatus } from "../wire/index.ts";
import type { StopCode } from "./stopReasons.ts";

/** A pairing that waits for its code. It never holds the code. */
export interface OpenPairing {
  /** Unix seconds on the node's clock. */
  readonly expiresAt: number;
  /** The same instant on the follower's own clock, in unix milliseconds. */
  readonly expiresAtMs: number;
  /** How far the notice that gives the code to the admin has come. */
  readonly adminNotification: AdminNotification;
}

/** Whose clock a proof's timestamp is taken from: the own one, mended when it is plainly wrong, or always the node's. */
export type ProofClock = "mended" | "node";

/** What every phase between opening the state and stopping carries. */
interface Trying {
  /** How many connections in a row have ended without a session that lasted. */
  readonly attempt: number;
  /** Whether a shared secret is saved. */
  readonly paired: boolean;
  readonly proofClock: ProofClock;
}

/** What every phase with a socket carries. */
interface Linked extends Trying {
  /** The last `disconnect_notice`: why the node is about to close. */
  readonly notice?: string;
  /** Whether the node granted the capability `ack` that was asked for. */
  readonly acks: boolean;
}

/** Why a link ended. */
export interface LinkEnd {
  /** The WebSocket close code; 1006 when there was none. */
  readonly code: number;
  /** The name of the close code, the node's own words, or what went wrong below (`HTTP 503`, `ECONNREFUSED`). */
  readonly reason: string;
  /** From `Retry-After` of a refused upgrade. */
  readonly retryAfterMs?: number;
}

/** Where a follower is. It holds neither a secret nor a code, so that it can be shown. */
export type FollowerState =
  | { readonly phase: "idle" }
  /** The state is being read and taken. */
  | { readonly phase: "opening" }
  /** TCP, TLS and the upgrade. */
  | ({ readonly phase: "connecting" } & Linked)
  /** `hello` was sent. */
  | ({ readonly phase: "greeting"; readonly sentAt: number } & Linked)
  /** The node wants a pairing and has not opened it yet. */
  | ({ readonly phase: "pairing_asked"; readonly clockOffsetMs: number } & Linked)
  /** A pairing is open and waits for its code. */
  | ({ readonly phase: "pairing"; readonly clockOffsetMs: number; readonly pairing: OpenPairing } & Linked)
  /** The node looks at a code. */
  | ({
      readonly phase: "confirming";
      readonly clockOffsetMs: number;
      readonly pairing: OpenPairing;
      readonly sentAt: number;
    } & Linked)
  /** The new secret is being saved; `lost` when the link ended meanwhile. */
  | ({ readonly phase: "saving"; readonly clockOffsetMs: number; readonly lost?: LinkEnd } & Linked)
  /** `auth_request` was sent. */
  | ({ readonly phase: "authenticating" } & Linked)
  | ({ readonly phase: "authenticated"; readonly status: FollowerStatus; readonly since: number } & Linked)
  /** The node has said that it is over; its close is awaited. `stop` when the follower must not come back. */
  | ({ readonly phase: "ending"; readonly stop?: StopCode } & Linked)
  /** Between two connections. `retryAt` is unix milliseconds on the own clock. */
  | ({ readonly phase: "waiting"; readonly retryAt: number } & Trying)
  /** A person must act; `connect()` tries again. */
  | { readonly phase: "stopped"; readonly code: StopCode; readonly reason: string; readonly whatToDo: string }
  /** `close()` was called. Final. */
  | { readonly phase: "closed" };

export type FollowerPhase = FollowerState["phase"];

export type LinkedState = Extract<FollowerState, Linked & { phase: Exclude<FollowerPhase, "waiting"> }>;

/** Whether the state has a socket, open or being opened. */
export function isLinked(state: FollowerState): state is LinkedState {
  switch (state.phase) {
    case "connecting":
    case "greeting":
    case "pairing_asked":
    case "pairing":
    case "confirming":
    case "saving":
    case "authenticating":
    case "authenticated":
    case "ending":
      return true;
    case "idle":
    case "opening":
    case "waiting":
    case "stopped":
    case "closed":
      return false;
  }
}
