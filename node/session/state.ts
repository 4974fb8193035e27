import type { PairingNews, Trust } from "@yonexus/protocol/redis";
import type { AdminNotification, Capability, CloseReason, FollowerStatus } from "@yonexus/protocol/wire";

/** Who says hello. `publicKey` (base64) and its fingerprint are there when the hello named a key that can be used. */
export interface Peer {
  readonly identifier: string;
  readonly hasSecret: boolean;
  /** Whether the identifier is paired: a follower that lost its secret pairs again while its old trust stands. */
  readonly paired: boolean;
  /** Those that the hello asked for and that are granted for this connection; left out when it asked for none. */
  readonly capabilities?: readonly Capability[];
  readonly key?: { readonly publicKey: string; readonly fingerprint: string };
}

/** The trust that a proof is checked against. */
export interface ExpectedTrust {
  readonly trustVersion: string;
  readonly trust: Trust;
}

export interface OpenPairing {
  readonly pairingId: string;
  /** Redis time (ms). */
  readonly expiresAt: number;
  readonly ttlMs: number;
  readonly notice: AdminNotification;
}

/** Where a connection is in the protocol. What each phase needs is in it and nowhere else; `requestId` is of the message whose answer is under way. */
export type Phase =
  | { readonly name: "awaitingHello" }
  | { readonly name: "lookingUp"; readonly peer: Peer; readonly requestId?: string }
  | {
      readonly name: "openingPairing";
      readonly peer: Peer;
      /** News can overtake the answer of the script that opened the pairing. */
      readonly early?: { readonly pairingId: string; readonly result: PairingNews };
    }
  | {
      readonly name: "awaitingCode";
      readonly peer: Peer;
      readonly pairing: OpenPairing;
      readonly announced?: AdminNotification;
    }
  | {
      readonly name: "confirming";
      readonly peer: Peer;
      readonly pairing: OpenPairing;
      readonly requestId?: string;
      /** What came meanwhile: the answer to the code is the first to be told. */
      readonly news?: PairingNews;
    }
  /** An operator approved it: the secret is being made. */
  | { readonly name: "granting"; readonly peer: Peer; readonly pairing: OpenPairing; readonly news?: PairingNews }
  | {
      readonly name: "awaitingProof";
      readonly peer: Peer;
      readonly expected: ExpectedTrust;
      /** It was approved without a code: one that was on its way then is answered already. */
      readonly approved?: true;
    }
  | { readonly name: "proving"; readonly peer: Peer; readonly requestId?: string }
  | {
      readonly name: "active";
      readonly identifier: string;
      readonly epoch: number;
      readonly status: FollowerStatus;
      /** The capability `ack` was granted: messages are acknowledged, both ways. */
      readonly acks: boolean;
      /** The close frame is out; what the follower sent before it saw that is still handed on. */
      readonly leaving?: CloseReason;
    }
  | { readonly name: "closed"; readonly reason: CloseReason | "gone" };

export interface ConnectionState {
  readonly phase: Phase;
  /** Frames that broke the protocol so far. */
  readonly violations: number;
}

export const INITIAL_STATE: ConnectionState = { phase: { name: "awaitingHello" }, violations: 0 };
