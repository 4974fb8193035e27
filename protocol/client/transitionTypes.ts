import type { Capability, NodeMessage, NodeMessageOf, ParsedFrame } from "../wire/index.ts";
import type { Backoff } from "./backoff.ts";
import type { PairError } from "./errors.ts";
import type { FollowerEmission } from "./followerEvents.ts";
import type { FollowerState, LinkEnd, OpenPairing } from "./followerState.ts";
import type { StopCode } from "./stopReasons.ts";

/** What does not change while a follower lives. */
export interface FollowerPolicy {
  readonly identifier: string;
  /** What the `hello` asks for. A node that grants none of it is served as in version 1. */
  readonly capabilities: readonly Capability[];
  readonly reconnect: Backoff | false;
  readonly heartbeatIntervalMs: number;
  readonly handshakeTimeoutMs: number;
  /** A session that lasted this long starts the waits from the beginning again. */
  readonly stableAfterMs: number;
}

/** The world at the instant of an input, so that the transition stays pure. */
export interface Moment {
  /** Unix milliseconds on the own clock. */
  readonly now: number;
  /** In [0, 1). */
  readonly random: number;
}

export type TimerName = "handshake" | "heartbeat" | "reconnect";

/** What happens to a follower. */
export type Input =
  | { readonly type: "connect" }
  | { readonly type: "close" }
  | { readonly type: "pair"; readonly code: string }
  | { readonly type: "opened"; readonly paired: boolean }
  | { readonly type: "open_failed"; readonly reason: string }
  | { readonly type: "link_opened" }
  | { readonly type: "frame"; readonly frame: ParsedFrame<NodeMessage> }
  | { readonly type: "link_ended"; readonly end: LinkEnd }
  /** The link is worth nothing any more: silent for too long, or the node does not keep to the contract. */
  | { readonly type: "link_failed"; readonly reason: string }
  | { readonly type: "secret_saved" }
  | { readonly type: "save_failed"; readonly reason: string }
  | { readonly type: "timer"; readonly timer: TimerName };

/** What a follower does about it, in order. */
export type Effect =
  | { readonly type: "open_state" }
  | { readonly type: "open_link" }
  /** Ends the socket at once; nothing more is heard of it. */
  | { readonly type: "drop_link" }
  | { readonly type: "send_hello" }
  | { readonly type: "send_pair_confirm"; readonly code: string }
  /** `timestamp` is unix seconds. */
  | { readonly type: "send_auth_request"; readonly timestamp: number }
  | { readonly type: "send_heartbeat" }
  /** Answered by `secret_saved` or `save_failed`. */
  | { readonly type: "save_secret"; readonly secret: string; readonly pairedAt: number }
  | { readonly type: "forget_secret" }
  | { readonly type: "set_timer"; readonly timer: TimerName; readonly ms: number }
  | { readonly type: "clear_timer"; readonly timer: TimerName }
  | { readonly type: "emit"; readonly emission: FollowerEmission }
  /** A queued message, or what is said of queued ones. Only in a session with acks. */
  | { readonly type: "receive"; readonly message: NodeMessageOf<"message" | "gap"> }
  /** What became of a message that was sent. Only in a session with acks. */
  | { readonly type: "take_answer"; readonly answer: NodeMessageOf<"message_ack">["payload"] }
  /** The node refused a frame for the rate, and did not say which. Only in a session with acks. */
  | { readonly type: "slow_down" }
  | { readonly type: "announce_pairing"; readonly pairing: OpenPairing }
  /** Answers `pair()`, when somebody waits. */
  | { readonly type: "answer_pair"; readonly error?: PairError }
  /** Answers `connect()`: there is a session. */
  | { readonly type: "answer_connect" }
  /** Gives the state back, then tells everybody who waits. */
  | { readonly type: "stop"; readonly code: StopCode; readonly reason: string; readonly whatToDo: string }
  /** Closes the socket politely and gives the state back. */
  | { readonly type: "close" };

export interface Step {
  readonly state: FollowerState;
  readonly effects: readonly Effect[];
}
