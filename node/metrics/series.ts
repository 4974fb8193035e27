import { CLOSE_CODES, type CloseReason } from "@yonexus/protocol/wire/basics";
import type { ConnectionEvent } from "../session/event.ts";

type Dispatched = Extract<ConnectionEvent, { type: "dispatched" }>["outcome"];

/** States of messages at a node, out to a follower and in from one. */
export const MESSAGE_STATES = {
  delivered: { direction: "out", state: "delivered" },
  /** The send buffer had no room. */
  not_sent: { direction: "out", state: "overloaded" },
  /** The session moved on meanwhile. */
  moved: { direction: "out", state: "stale" },
  queued_sent: { direction: "out", state: "queued_sent" },
  acked: { direction: "out", state: "queued_acked" },
  rejected: { direction: "out", state: "queued_rejected" },
  appended: { direction: "in", state: "accepted" },
  duplicate: { direction: "in", state: "duplicate" },
  id_conflict: { direction: "in", state: "id_conflict" },
  unknown_rule: { direction: "in", state: "unknown_rule" },
  overloaded: { direction: "in", state: "overloaded" },
  stale: { direction: "in", state: "stale" },
  doubtful: { direction: "in", state: "doubtful" },
  rate_limited: { direction: "in", state: "rate_limited" },
} as const satisfies Record<Dispatched, object> & Record<string, { direction: "in" | "out"; state: string }>;
export type MessageState = keyof typeof MESSAGE_STATES;

/** Steps that an epoch refuses. */
export const FENCED_STEPS = ["heartbeat", "message", "delivery", "settlement", "assertion"] as const;
export type FencedStep = (typeof FENCED_STEPS)[number];

/** How sessions end: by a close code, or without one. */
export const END_REASONS = [...(Object.keys(CLOSE_CODES) as CloseReason[]), "disconnected", "other"] as const;

export function isEndReason(text: string): text is (typeof END_REASONS)[number] {
  return END_REASONS.some((known) => known === text);
}
