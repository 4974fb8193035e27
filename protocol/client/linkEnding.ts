import { closeCode, closeReasonOf, isCloseReason, mayReconnect } from "../wire/basics.ts";
import { backoffMs } from "./backoff.ts";
import type { FollowerState, LinkEnd, LinkedState } from "./followerState.ts";
import { type StopCode, stopCodeOf, whatToDo } from "./stopReasons.ts";
import type { Effect, FollowerPolicy, Moment, Step } from "./transitionTypes.ts";

const clearTimers: readonly Effect[] = [
  { type: "clear_timer", timer: "handshake" },
  { type: "clear_timer", timer: "heartbeat" },
  { type: "clear_timer", timer: "reconnect" },
];

/** The end of a link: come back after a wait, or stop. */
export function linkEnded(policy: FollowerPolicy, state: LinkedState, end: LinkEnd, moment: Moment): Step {
  if (state.phase === "saving") return { state: { ...state, lost: end }, effects: clearTimers };
  const code = meantCode(state, end);
  const reason = closeReasonOf(code) ?? end.reason;
  const answers: readonly Effect[] = [...clearTimers, { type: "answer_pair", error: "connection_lost" }];
  const stop = stopCode(policy, state, code);
  if (stop !== undefined) {
    const stopping = stopped(stop, reason, state.paired && stop === "trust_revoked");
    return {
      state: stopping.state,
      effects: [
        ...answers,
        { type: "emit", emission: { name: "disconnected", value: { code, reason, willReconnect: false } } },
        ...stopping.effects,
      ],
    };
  }
  const attempt = attemptAfter(policy, state, moment);
  const bounds = policy.reconnect === false ? { minMs: 0, maxMs: 0 } : policy.reconnect;
  const inMs = backoffMs(bounds, attempt, moment.random, end.retryAfterMs);
  const { paired, proofClock } = state;
  return {
    state: { phase: "waiting", attempt: attempt + 1, paired, proofClock, retryAt: moment.now + inMs },
    effects: [
      ...answers,
      { type: "set_timer", timer: "reconnect", ms: inMs },
      { type: "emit", emission: { name: "disconnected", value: { code, reason, willReconnect: true, inMs } } },
    ],
  };
}

/** The stop for good: everything ends, and a person is told what to do. */
export function stopped(code: StopCode, reason: string, forgetSecret: boolean): Step {
  const stop = { code, reason, whatToDo: whatToDo(code) };
  return {
    state: { phase: "stopped", ...stop },
    effects: [...clearTimers, ...(forgetSecret ? [{ type: "forget_secret" } as const] : []), { type: "stop", ...stop }],
  };
}

/** `close()`: whatever is under way ends, and nothing begins again. */
export function closed(): Step {
  const state: FollowerState = { phase: "closed" };
  return { state, effects: [...clearTimers, { type: "answer_pair", error: "closed" }, { type: "close" }] };
}

/**
 * The code to obey. When the close frame was lost (1006) or had no code (1005), the notice before it says what the node
 * meant: else two followers of one identifier would push each other out for ever.
 */
function meantCode(state: LinkedState, end: LinkEnd): number {
  const unsaid = end.code === 1005 || end.code === 1006;
  return unsaid && state.notice !== undefined && isCloseReason(state.notice) ? closeCode(state.notice) : end.code;
}

function stopCode(policy: FollowerPolicy, state: LinkedState, code: number): StopCode | undefined {
  // What the node said before tells more than the code: that the admin refused the pairing has no code of its own.
  if (state.phase === "ending" && state.stop !== undefined) return state.stop;
  if (!mayReconnect(code)) return stopCodeOf(closeReasonOf(code));
  return policy.reconnect === false ? "reconnect_off" : undefined;
}

function attemptAfter(policy: FollowerPolicy, state: LinkedState, moment: Moment): number {
  const lasted = state.phase === "authenticated" && moment.now - state.since >= policy.stableAfterMs;
  return lasted ? 0 : state.attempt;
}
