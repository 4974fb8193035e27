import type { GapReason } from "../wire/index.ts";
import type { FollowerEmission } from "./followerEvents.ts";

/** A queued message as the node sent it. */
export interface QueuedMessage {
  readonly id: string;
  readonly seq: number;
  readonly rule: string;
  readonly content: string;
}

/** How often a message is given to the listeners before it is rejected. */
export const HANDLER_TRIES = 5;
/** The wait after the first failed try; it doubles with each. */
export const FIRST_RETRY_MS = 1_000;
/** A node sends at most 64 messages without an ack. One that sends so many does not keep to the contract. */
export const MOST_WAITING = 256;
/** Failed tries are remembered of this many messages: no more can be without an ack. */
const MOST_FAILED = 64;
/** Gaps remembered as told; an older one would be told once more. */
const MOST_TOLD_GAPS = 64;

interface SeqRange {
  readonly fromSeq: number;
  readonly toSeq: number;
}

interface Failure {
  readonly id: string;
  readonly seq: number;
  readonly tries: number;
}

/** The queued messages that a follower has been sent and not answered. */
export interface InboxState {
  /** In the order of the node. The first is worked on. */
  readonly waiting: readonly QueuedMessage[];
  /** What is done about the first. */
  readonly work: "none" | "handling" | "remembering" | "pausing";
  /** Whether the first came on the connection of now: only there it may be answered. */
  readonly answerable: boolean;
  /** Whether anybody listens. Nothing is acked that nobody handled. */
  readonly listening: boolean;
  /** That nobody listens was told once. */
  readonly warned: boolean;
  /** Messages whose listeners failed, the latest last. */
  readonly failures: readonly Failure[];
  /** The gaps that were told, the latest last. */
  readonly toldGaps: readonly SeqRange[];
}

export const emptyInbox: InboxState = Object.freeze({
  waiting: [],
  work: "none",
  answerable: false,
  listening: false,
  warned: false,
  failures: [],
  toldGaps: [],
});

export type InboxInput =
  /** `handled`: its id is remembered. */
  | { readonly type: "message"; readonly message: QueuedMessage; readonly handled: boolean }
  | { readonly type: "gap"; readonly gap: { fromSeq: number; toSeq: number; reason: GapReason } }
  /** The listeners came to an end; `ok` when none of them failed. */
  | { readonly type: "handled"; readonly ok: boolean }
  /** The last listener was removed before it was called. */
  | { readonly type: "unheard" }
  | { readonly type: "remembered" }
  | { readonly type: "pause_over" }
  | { readonly type: "listeners"; readonly any: boolean }
  | { readonly type: "session_ended" };

export type InboxEffect =
  /** Answered by `handled`. `again`: listeners that have handled it already are left out. */
  | { readonly type: "handle"; readonly message: QueuedMessage; readonly again: boolean }
  /** Answered by `remembered`. */
  | { readonly type: "remember"; readonly id: string }
  | { readonly type: "answer"; readonly id: string; readonly status: "accepted" | "rejected" }
  | { readonly type: "pause"; readonly ms: number }
  | { readonly type: "end_pause" }
  | { readonly type: "emit"; readonly emission: FollowerEmission }
  | { readonly type: "warn_unheard" }
  /** The node sends more than it may: the link is to be given up. What was not taken comes again. */
  | { readonly type: "overrun" };

export interface InboxStep {
  readonly state: InboxState;
  readonly effects: readonly InboxEffect[];
}

/**
 * Receiving as a pure function: one message after the other, remembered before it is acked, tried again when it fails.
 * What was not begun when a session ends is forgotten: it comes again, in order.
 */
export function inboxStep(state: InboxState, input: InboxInput): InboxStep {
  switch (input.type) {
    case "message":
      return arrived(state, input.message, input.handled);
    case "gap":
      return gapTold(state, input.gap);
    case "handled":
      if (state.work !== "handling") return { state, effects: [] };
      return input.ok ? succeeded(state) : failed(state);
    case "unheard":
      return state.work === "handling" ? begin(withoutLost({ ...state, work: "none" })) : { state, effects: [] };
    case "remembered":
      return state.work === "remembering" ? finished(state, "accepted") : { state, effects: [] };
    case "pause_over":
      return state.work === "pausing" ? begin({ ...state, work: "none" }, true) : { state, effects: [] };
    case "listeners":
      return begin({ ...state, listening: input.any });
    case "session_ended":
      return sessionEnded(state);
  }
}

function arrived(before: InboxState, message: QueuedMessage, handled: boolean): InboxStep {
  // A message where a gap was told: the server lost its memory and counts anew.
  const toldGaps = before.toldGaps.filter(({ fromSeq, toSeq }) => message.seq < fromSeq || message.seq > toSeq);
  const state = toldGaps.length === before.toldGaps.length ? before : { ...before, toldGaps };
  const at = state.waiting.findIndex(({ id }) => id === message.id);
  // It is being worked on since an earlier connection: its answer goes out on this one.
  if (at === 0) return { state: { ...state, answerable: true }, effects: [] };
  if (at > 0) return { state, effects: [] };
  if (handled) return { state, effects: [{ type: "answer", id: message.id, status: "accepted" }] };
  if (triesOf(state, message) >= HANDLER_TRIES) {
    return { state, effects: [{ type: "answer", id: message.id, status: "rejected" }] };
  }
  if (state.waiting.length >= MOST_WAITING) return { state, effects: [{ type: "overrun" }] };
  const answerable = state.waiting.length === 0 || state.answerable;
  const next = begin({ ...state, waiting: [...state.waiting, message], answerable });
  if (state.listening || state.warned) return next;
  return { state: { ...next.state, warned: true }, effects: [...next.effects, { type: "warn_unheard" }] };
}

/** A gap comes again after each reconnect until a later message is acked, and grows by its neighbours. */
function gapTold(state: InboxState, gap: Extract<InboxInput, { type: "gap" }>["gap"]): InboxStep {
  const isTold = state.toldGaps.some(({ fromSeq, toSeq }) => fromSeq <= gap.fromSeq && gap.toSeq <= toSeq);
  if (isTold) return { state, effects: [] };
  return {
    state: {
      ...state,
      toldGaps: [...state.toldGaps, { fromSeq: gap.fromSeq, toSeq: gap.toSeq }].slice(-MOST_TOLD_GAPS),
    },
    effects: [{ type: "emit", emission: { name: "gap", value: gap } }],
  };
}

function succeeded(state: InboxState): InboxStep {
  const [message] = state.waiting;
  if (message === undefined) return { state, effects: [] };
  return { state: { ...state, work: "remembering" }, effects: [{ type: "remember", id: message.id }] };
}

function failed(state: InboxState): InboxStep {
  const [message] = state.waiting;
  if (message === undefined) return { state, effects: [] };
  const { id, seq, rule } = message;
  const tries = triesOf(state, message) + 1;
  const failures = [...withoutFailure(state, id), { id, seq, tries }].slice(-MOST_FAILED);
  if (tries >= HANDLER_TRIES) {
    const { state: next, effects } = finished({ ...state, failures }, "rejected");
    const emission = { name: "message_failed", value: { id, seq, rule, tries } } as const;
    return { state: next, effects: [{ type: "emit", emission }, ...effects] };
  }
  return begin(withoutLost({ ...state, failures, work: "none" }));
}

/** When the session that the first message came in is over, it comes again, and may have expired before. */
function withoutLost(state: InboxState): InboxState {
  return state.answerable ? state : { ...state, waiting: state.waiting.slice(1), answerable: true };
}

/** The first message is over and done with: it is answered, if it came on this connection, and the next begins. */
function finished(state: InboxState, status: "accepted" | "rejected"): InboxStep {
  const [message, ...waiting] = state.waiting;
  if (message === undefined) return { state, effects: [] };
  const failures = status === "accepted" ? withoutFailure(state, message.id) : state.failures;
  const next = begin({ ...state, work: "none", waiting, answerable: true, failures });
  if (!state.answerable) return next;
  return { state: next.state, effects: [{ type: "answer", id: message.id, status }, ...next.effects] };
}

function sessionEnded(state: InboxState): InboxStep {
  const busy = state.work === "handling" || state.work === "remembering";
  const waiting = busy ? state.waiting.slice(0, 1) : [];
  return {
    state: { ...state, waiting, work: busy ? state.work : "none", answerable: false },
    effects: state.work === "pausing" ? [{ type: "end_pause" }] : [],
  };
}

/** Begins with the first message, after a pause when it has failed before. */
function begin(state: InboxState, pauseIsOver = false): InboxStep {
  const [message] = state.waiting;
  if (state.work !== "none" || message === undefined || !state.listening) return { state, effects: [] };
  const tries = triesOf(state, message);
  if (tries > 0 && !pauseIsOver) {
    return {
      state: { ...state, work: "pausing" },
      effects: [{ type: "pause", ms: FIRST_RETRY_MS * 2 ** (tries - 1) }],
    };
  }
  return { state: { ...state, work: "handling" }, effects: [{ type: "handle", message, again: tries > 0 }] };
}

/** An id that its sender uses again long after has another `seq`: it is tried anew. */
function triesOf({ failures }: InboxState, { id, seq }: QueuedMessage): number {
  return failures.find((failure) => failure.id === id && failure.seq === seq)?.tries ?? 0;
}

function withoutFailure({ failures }: InboxState, id: string): readonly Failure[] {
  return failures.filter((failure) => failure.id !== id);
}
