import { LIMITS } from "../wire/basics.ts";
import type { NodeMessageOf } from "../wire/index.ts";
import { backoffMs } from "./backoff.ts";
import type { OutgoingMessage } from "./outgoingMessage.ts";

interface Unanswered {
  readonly message: OutgoingMessage;
  /** Written on the connection of now, and no answer came yet. */
  readonly inFlight: boolean;
  /** Written at some time: the node may have stored it. */
  readonly everWritten: boolean;
  /** How often the node could not take it. */
  readonly refusals: number;
}

/** The messages that a follower sends with acks and has no answer to, in their order. */
export interface OutboxState {
  readonly session: "none" | "acks" | "plain";
  readonly unanswered: readonly Unanswered[];
  /** Rules that wait before a refused message is sent again. */
  readonly pausedRules: readonly string[];
  /** How far apart frames are sent, after the node found them too many; 0: at once. */
  readonly intervalMs: number;
  /** The interval is not over yet. */
  readonly paced: boolean;
  /** Answers since the interval changed. */
  readonly calm: number;
}

export const emptyOutbox: OutboxState = Object.freeze({
  session: "none",
  unanswered: [],
  pausedRules: [],
  intervalMs: 0,
  paced: false,
  calm: 0,
});

/** How a send ended. */
export type SendOutcome =
  | { readonly type: "accepted"; readonly duplicate: boolean }
  | { readonly type: "unknown_rule" }
  | { readonly type: "id_conflict" }
  /** It was written and not answered: it may have been stored. */
  | { readonly type: "unknown" }
  /** It was never written. */
  | { readonly type: "not_sent" };

export type OutboxInput =
  | { readonly type: "send"; readonly message: OutgoingMessage }
  | { readonly type: "session"; readonly acks: boolean }
  | { readonly type: "session_ended" }
  /** `random` in [0, 1). */
  | { readonly type: "answer"; readonly answer: NodeMessageOf<"message_ack">["payload"]; readonly random: number }
  /** The node refused a frame for the rate; it does not say which. */
  | { readonly type: "slow_down" }
  /** The sender waits no longer. */
  | { readonly type: "timed_out"; readonly id: string }
  | { readonly type: "rule_pause_over"; readonly rule: string }
  | { readonly type: "interval_over" }
  /** No session will come. */
  | { readonly type: "give_up" };

export type OutboxEffect =
  | { readonly type: "write"; readonly message: OutgoingMessage }
  /** The session has no acks: as an application frame, which ends the send. */
  | { readonly type: "write_plain"; readonly message: OutgoingMessage }
  | { readonly type: "settle"; readonly id: string; readonly outcome: SendOutcome }
  | { readonly type: "pause_rule"; readonly rule: string; readonly ms: number }
  | { readonly type: "set_interval"; readonly ms: number }
  /** Ends the pauses of rules and the interval. */
  | { readonly type: "clear_pauses" };

export interface OutboxStep {
  readonly state: OutboxState;
  readonly effects: readonly OutboxEffect[];
}

/** Bounds of the waits before a refused message is sent again. */
const REFUSED = Object.freeze({ minMs: 100, maxMs: 5_000 });
/** What the first refusal for the rate leads to: below the 50 frames a second that a node takes by default. */
const FIRST_INTERVAL_MS = 40;
const LONGEST_INTERVAL_MS = 1_000;
/** Below this an interval is none. */
const SHORTEST_INTERVAL_MS = 10;
/** The wait after a refusal for the rate: what is on its way is answered meanwhile. */
const RATE_PAUSE_MS = 1_000;
/** After so many answers the interval is halved. */
const CALM_ANSWERS = 256;

/** Sending with acks as a pure function: at most 64 messages in flight, again first and in order after a reconnect. */
export function outboxStep(state: OutboxState, input: OutboxInput): OutboxStep {
  switch (input.type) {
    case "send":
      return pump({ ...state, unanswered: [...state.unanswered, fresh(input.message)] });
    case "session":
      return input.acks ? pump({ ...state, session: "acks" }) : plainSession(state);
    case "session_ended":
      return {
        state: { ...state, session: "none", ...quiet, unanswered: state.unanswered.map(onGround) },
        effects: [{ type: "clear_pauses" }],
      };
    case "answer":
      return answered(state, input.answer, input.random);
    case "slow_down":
      return slowDown(state);
    case "timed_out":
      return timedOut(state, input.id);
    case "rule_pause_over":
      return pump({ ...state, pausedRules: state.pausedRules.filter((rule) => rule !== input.rule) });
    case "interval_over":
      return pump({ ...state, paced: false });
    case "give_up":
      return {
        state: { ...state, session: "none", ...quiet, unanswered: [] },
        effects: [{ type: "clear_pauses" }, ...state.unanswered.map(without)],
      };
  }
}

const quiet = Object.freeze({ pausedRules: [], paced: false });

function fresh(message: OutgoingMessage): Unanswered {
  return { message, inFlight: false, everWritten: false, refusals: 0 };
}

function onGround(entry: Unanswered): Unanswered {
  return entry.inFlight ? { ...entry, inFlight: false } : entry;
}

/** The end of a send without an answer. */
function without({ message, everWritten }: Unanswered): OutboxEffect {
  return { type: "settle", id: message.id, outcome: { type: everWritten ? "unknown" : "not_sent" } };
}

/** Nobody could say whether what an earlier session was sent has arrived, and a second copy would be handled twice. */
function plainSession(state: OutboxState): OutboxStep {
  return {
    state: { ...state, session: "plain", unanswered: [] },
    effects: state.unanswered.map((entry) =>
      entry.everWritten ? without(entry) : { type: "write_plain", message: entry.message },
    ),
  };
}

function answered(
  state: OutboxState,
  { id, status, reason }: NodeMessageOf<"message_ack">["payload"],
  random: number,
): OutboxStep {
  const entry = state.unanswered.find(({ message }) => message.id === id);
  // Sent twice for the rate, answered twice; or nobody waits any longer.
  if (entry === undefined) return { state, effects: [] };
  if (status !== "rejected") return settled(calmed(state), id, { type: "accepted", duplicate: status === "duplicate" });
  if (reason === "unknown_rule" || reason === "id_conflict") return settled(calmed(state), id, { type: reason });
  return refused(state, entry, random);
}

function settled(state: OutboxState, id: string, outcome: SendOutcome): OutboxStep {
  const unanswered = state.unanswered.filter(({ message }) => message.id !== id);
  const { state: next, effects } = pump({ ...state, unanswered });
  return { state: next, effects: [{ type: "settle", id, outcome }, ...effects] };
}

/** The whole rule waits: what comes later must not overtake. */
function refused(state: OutboxState, entry: Unanswered, random: number): OutboxStep {
  const { rule } = entry.message;
  const held: Unanswered = { ...entry, inFlight: false, refusals: entry.refusals + 1 };
  const { state: next, effects } = pump({
    ...state,
    unanswered: state.unanswered.map((other) => (other === entry ? held : other)),
    pausedRules: [...state.pausedRules.filter((paused) => paused !== rule), rule],
  });
  return {
    state: next,
    effects: [{ type: "pause_rule", rule, ms: backoffMs(REFUSED, entry.refusals, random) }, ...effects],
  };
}

function slowDown(state: OutboxState): OutboxStep {
  // Frames that were on their way together are refused one by one; the first refusal stands for them.
  if (state.session !== "acks" || !state.unanswered.some(({ inFlight }) => inFlight)) return { state, effects: [] };
  const intervalMs = Math.min(Math.max(state.intervalMs * 2, FIRST_INTERVAL_MS), LONGEST_INTERVAL_MS);
  return {
    state: { ...state, intervalMs, paced: true, calm: 0, unanswered: state.unanswered.map(onGround) },
    effects: [{ type: "set_interval", ms: RATE_PAUSE_MS }],
  };
}

function calmed(state: OutboxState): OutboxState {
  if (state.intervalMs === 0) return state;
  if (state.calm + 1 < CALM_ANSWERS) return { ...state, calm: state.calm + 1 };
  const halved = state.intervalMs / 2;
  return { ...state, calm: 0, intervalMs: halved < SHORTEST_INTERVAL_MS ? 0 : halved };
}

function timedOut(state: OutboxState, id: string): OutboxStep {
  const entry = state.unanswered.find(({ message }) => message.id === id);
  if (entry === undefined) return { state, effects: [] };
  const { state: next, effects } = pump({ ...state, unanswered: state.unanswered.filter((other) => other !== entry) });
  return { state: next, effects: [without(entry), ...effects] };
}

/** Writes what may be written now, in order. */
function pump(state: OutboxState): OutboxStep {
  if (state.session !== "acks" || state.paced) return { state, effects: [] };
  const most = state.intervalMs > 0 ? 1 : LIMITS.unansweredMessages;
  const room = LIMITS.unansweredMessages - state.unanswered.filter(({ inFlight }) => inFlight).length;
  const held = new Set(state.pausedRules);
  const writes: OutgoingMessage[] = [];
  const unanswered = state.unanswered.map((entry): Unanswered => {
    const { rule } = entry.message;
    const ready = !entry.inFlight && !held.has(rule) && writes.length < Math.min(most, room);
    // Behind a refused message its rule waits for the answer to that one alone.
    if (entry.refusals > 0 || (!entry.inFlight && !ready)) held.add(rule);
    if (!ready) return entry;
    writes.push(entry.message);
    return { ...entry, inFlight: true, everWritten: true };
  });
  if (writes.length === 0) return { state, effects: [] };
  const effects: OutboxEffect[] = writes.map((message) => ({ type: "write", message }));
  if (state.intervalMs === 0) return { state: { ...state, unanswered }, effects };
  return {
    state: { ...state, unanswered, paced: true },
    effects: [...effects, { type: "set_interval", ms: state.intervalMs }],
  };
}
