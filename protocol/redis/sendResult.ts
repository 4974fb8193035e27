import type { MessageState } from "./messageRecord.ts";

export type OfflineReason =
  | "unknown_identifier"
  | "never_connected"
  | "disconnected"
  | "heartbeat_timeout"
  | "node_lost"
  | "draining"
  | "trust_revoked"
  | "identifier_not_allowed";

interface Sent<Reached extends MessageState> {
  readonly messageId: string;
  /** How far it got for sure. */
  readonly reached: Reached;
  /** The same message was sent before under this id: it was not sent again, and this is what became of it. */
  readonly duplicate?: true;
}

/** What became of a message. A value, never a hang: every send ends in one of these. */
export type SendResult =
  /** The follower's socket took it (`written`), or the follower said that it has it (`acked`). */
  | ({ readonly result: "delivered"; readonly node: string; readonly seq?: number } & Sent<"written" | "acked">)
  /** It is kept until the follower has it or its time is over. */
  | ({ readonly result: "queued"; readonly seq: number } & Sent<"queued" | "routed" | "written">)
  /** The follower has no live session, or may not be queued for; nothing was kept. Instants are Redis time (ms). */
  | ({
      readonly result: "offline";
      /** An `OfflineReason`, or one that a later version knows. */
      readonly reason: string;
      readonly lastSeenAt?: number;
      readonly lastNode?: string;
      readonly now?: number;
    } & Sent<"accepted">)
  /** The follower's queue is full: nothing was kept, and nothing older was dropped for it. */
  | ({ readonly result: "overflow"; readonly cap: "messages" | "bytes"; readonly limit: number } & Sent<"accepted">)
  /** The id was used for another message to this follower: nothing was kept. */
  | ({ readonly result: "id_conflict" } & Sent<"accepted">)
  /** It was queued, and its time was over before the follower had it. */
  | ({ readonly result: "expired" } & Sent<"expired">)
  /** It was queued, and the follower refused it for good. */
  | ({ readonly result: "rejected"; readonly reason: string } & Sent<"rejected">)
  /** The follower's send buffer, or this sender's list of unanswered messages, is full. */
  | ({ readonly result: "overloaded"; readonly where: "follower" | "sender" } & Sent<"accepted">)
  /** No receipt came in time: the message may have arrived, or may still. Without a node not even its route is known. */
  | ({ readonly result: "timeout"; readonly node?: string } & Sent<"accepted" | "routed">);
