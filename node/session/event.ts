import type {
  ClaimResult,
  ConfirmedPairing,
  FollowerLookup,
  GrantedPairing,
  OpenedPairing,
  PairingNews,
  QueueState,
  Reassertion,
} from "@yonexus/protocol/redis";
import type {
  AuthFailedReason,
  CloseReason,
  FollowerMessage,
  FollowerMessageOf,
  FollowerStatus,
  NodeMessage,
  ParsedFrame,
} from "@yonexus/protocol/wire";
import type { InboundMessage } from "./inboundMessage.ts";
import type { ConnectionState, ExpectedTrust, Peer } from "./state.ts";

/** How a proof ended: refused before the claim, or with the claim's result. */
export type ProofVerdict =
  | { readonly outcome: "refused"; readonly reason: AuthFailedReason; readonly tooMany: boolean }
  | ClaimResult;

/** What happens to a connection. Answers of Redis come back as events, like frames. */
export type ConnectionEvent =
  | { readonly type: "frame"; readonly frame: ParsedFrame<FollowerMessage> }
  | { readonly type: "binaryFrame" }
  | { readonly type: "overRate" }
  | { readonly type: "lookedUp"; readonly lookup: FollowerLookup }
  | { readonly type: "pairingOpened"; readonly opened: OpenedPairing }
  | { readonly type: "pairingNews"; readonly pairingId: string; readonly result: PairingNews }
  | { readonly type: "noticeWaitOver" }
  /** There is no place among those that wait for a human: no pairing was opened. */
  | { readonly type: "pairingPoolFull" }
  /** A newer connection to this node waits for the same pairing. */
  | { readonly type: "pairingTakenOver" }
  | {
      readonly type: "pairingConfirmed";
      readonly confirmed: ConfirmedPairing;
      /** The new secret, for the follower, and the trust that it makes. */
      readonly grant?: { readonly secret: string; readonly expected: ExpectedTrust };
    }
  | {
      readonly type: "pairingGranted";
      readonly granted: GrantedPairing;
      /** As of a code that was right. */
      readonly grant?: { readonly secret: string; readonly expected: ExpectedTrust };
    }
  | { readonly type: "proofJudged"; readonly verdict: ProofVerdict }
  | { readonly type: "beatRecorded"; readonly outcome: "alive" | "stale" | "unrecorded"; readonly requestId?: string }
  | {
      readonly type: "dispatched";
      /** `doubtful`: Redis stopped answering on the way; it may have been stored. */
      readonly outcome: "appended" | "duplicate" | "id_conflict" | "unknown_rule" | "overloaded" | "stale" | "doubtful";
      readonly message: InboundMessage;
      /** Of one that was stored: its handler knows it by this id. */
      readonly inboxId?: string;
    }
  /** What became of the follower's ack of a message that this session did not send. */
  | { readonly type: "ackJudged"; readonly outcome: "unknown" | "unavailable"; readonly requestId?: string }
  /** Redis refused to settle a queued message for this session: it may be somebody else's by now. */
  | { readonly type: "settledStale" }
  | { readonly type: "reasserted"; readonly reassertion: Reassertion }
  | { readonly type: "statusDecided"; readonly epoch: number; readonly status: FollowerStatus }
  /** Redis did not answer, or something of ours failed: nothing was changed. */
  | { readonly type: "unavailable" }
  | { readonly type: "internalFault" }
  | { readonly type: "deadlinePassed" }
  | { readonly type: "closeOrdered"; readonly reason: CloseReason; readonly upToEpoch?: number }
  | { readonly type: "socketGone" };

/** What a transition wants done. Data: the connection's driver does it. */
export type Effect =
  | { readonly do: "send"; readonly message: NodeMessage }
  /** `disconnect_notice` to the follower when it has said who it is, then the close frame, then the end. */
  | { readonly do: "close"; readonly reason: CloseReason; readonly identifier?: string }
  | { readonly do: "lookUp"; readonly peer: Peer }
  | { readonly do: "openPairing"; readonly peer: Peer }
  | { readonly do: "confirmPairing"; readonly peer: Peer; readonly pairingCode: string }
  | { readonly do: "grantPairing"; readonly peer: Peer; readonly pairingId: string }
  | {
      readonly do: "judgeProof";
      readonly request: FollowerMessageOf<"auth_request">;
      readonly peer: Peer;
      readonly expected: ExpectedTrust;
    }
  | { readonly do: "recordBeat"; readonly epoch: number; readonly requestId?: string }
  | { readonly do: "dispatch"; readonly epoch: number; readonly message: InboundMessage }
  /** The follower answered a queued message. `rejection`: it never can handle it, and why. */
  | {
      readonly do: "settle";
      readonly messageId: string;
      readonly rejection?: string;
      readonly requestId?: string;
    }
  /** What waits for the follower, by Redis. */
  | { readonly do: "resumeQueue"; readonly queue: QueueState }
  | { readonly do: "reassert" }
  /** Wait a little for the admin to be told before the follower is, so that it is told once. */
  | { readonly do: "waitForNotice" }
  /** Begin the handshake's time anew, or give it the time that a pairing has (ms). */
  | { readonly do: "restartDeadline"; readonly pairingMs?: number }
  | {
      readonly do: "openSession";
      readonly epoch: number;
      readonly authenticatedAt: number;
      readonly queue: QueueState;
    }
  | { readonly do: "endSession"; readonly epoch: number; readonly reason: string };

export interface Transition {
  readonly state: ConnectionState;
  readonly effects: readonly Effect[];
}
