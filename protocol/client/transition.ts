import type { FollowerState } from "./followerState.ts";
import { isLinked } from "./followerState.ts";
import { closed, linkEnded, stopped } from "./linkEnding.ts";
import { authenticate, awaitAnswer, nodeMessage } from "./nodeMessages.ts";
import type { Effect, FollowerPolicy, Input, Moment, Step, TimerName } from "./transitionTypes.ts";

/**
 * The follower's side of protocol version 1 as a pure function. Every input is allowed in every state; one that makes no
 * sense there changes nothing. It never throws.
 *
 * Nothing leaves `closed`, and nothing but `connect` and `close` leaves `stopped`.
 */
export function transition(policy: FollowerPolicy, state: FollowerState, input: Input, moment: Moment): Step {
  const same: Step = { state, effects: [] };
  switch (input.type) {
    case "close":
      return state.phase === "closed" ? same : closed();
    case "connect":
      return state.phase === "idle" || state.phase === "stopped"
        ? { state: { phase: "opening" }, effects: [{ type: "open_state" }] }
        : same;
    case "opened":
      return state.phase === "opening"
        ? connecting(policy, { attempt: 0, paired: input.paired, proofClock: "mended" })
        : same;
    case "open_failed":
      return state.phase === "opening" ? stopped("state_refused", input.reason, false) : same;
    case "link_opened":
      return state.phase === "connecting" ? greet(policy, state, moment) : same;
    case "frame":
      return frame(policy, state, input.frame, moment);
    case "link_ended":
      return isLinked(state) ? linkEnded(policy, state, input.end, moment) : same;
    case "link_failed":
      return isLinked(state) ? drop(policy, state, input.reason, moment) : same;
    case "pair":
      return pair(policy, state, input.code, moment);
    case "secret_saved":
      return secretSaved(policy, state, moment);
    case "save_failed":
      return saveFailed(state, input.reason);
    case "timer":
      return timer(policy, state, input.timer, moment);
  }
}

type In<Phase extends FollowerState["phase"]> = Extract<FollowerState, { phase: Phase }>;

function connecting(
  policy: FollowerPolicy,
  { attempt, paired, proofClock }: Pick<In<"connecting">, "attempt" | "paired" | "proofClock">,
): Step {
  return {
    state: { phase: "connecting", attempt, paired, proofClock, acks: false },
    effects: [awaitAnswer(policy), { type: "open_link" }],
  };
}

function greet(policy: FollowerPolicy, { attempt, paired, proofClock }: In<"connecting">, moment: Moment): Step {
  return {
    state: { phase: "greeting", attempt, paired, proofClock, acks: false, sentAt: moment.now },
    effects: [awaitAnswer(policy), { type: "send_hello" }],
  };
}

function frame(
  policy: FollowerPolicy,
  state: FollowerState,
  parsed: Extract<Input, { type: "frame" }>["frame"],
  moment: Moment,
): Step {
  if (!isLinked(state)) return { state, effects: [] };
  switch (parsed.kind) {
    case "builtin":
      return nodeMessage(policy, state, parsed.message, moment);
    case "application": {
      if (state.phase !== "authenticated") return { state, effects: [] };
      const { rule, content } = parsed;
      return { state, effects: [{ type: "emit", emission: { name: "message", value: { rule, content } } }] };
    }
    case "malformed":
      // A later node may say things that this version does not know.
      return { state, effects: [{ type: "emit", emission: { name: "bad_frame", value: { reason: parsed.reason } } }] };
  }
}

function drop(policy: FollowerPolicy, state: FollowerState, reason: string, moment: Moment): Step {
  if (!isLinked(state)) return { state, effects: [] };
  const { state: next, effects } = linkEnded(policy, state, { code: 1006, reason }, moment);
  return { state: next, effects: [{ type: "drop_link" }, ...effects] };
}

function pair(policy: FollowerPolicy, state: FollowerState, code: string, moment: Moment): Step {
  if (state.phase !== "pairing") return { state, effects: [{ type: "answer_pair", error: "no_pairing_open" }] };
  // The node has no trust for the old secret. From here on a new one may exist, and its message may be lost: a follower
  // that then still claimed to have a secret could never pair again.
  const forget: readonly Effect[] = state.paired ? [{ type: "forget_secret" }] : [];
  return {
    state: { ...state, phase: "confirming", paired: false, sentAt: moment.now },
    effects: [awaitAnswer(policy), ...forget, { type: "send_pair_confirm", code }],
  };
}

function secretSaved(policy: FollowerPolicy, state: FollowerState, moment: Moment): Step {
  if (state.phase !== "saving") return { state, effects: [] };
  const { lost, ...saved } = state;
  const next =
    lost === undefined
      ? authenticate(policy, saved, saved.clockOffsetMs, moment)
      : linkEnded(policy, { ...saved, phase: "authenticating", paired: true }, lost, moment);
  return { state: next.state, effects: [{ type: "answer_pair" }, ...next.effects] };
}

function saveFailed(state: FollowerState, reason: string): Step {
  if (state.phase !== "saving") return { state, effects: [] };
  const stopping = stopped("state_not_saved", reason, false);
  return {
    state: stopping.state,
    effects: [{ type: "answer_pair", error: "secret_not_saved" }, { type: "drop_link" }, ...stopping.effects],
  };
}

function timer(policy: FollowerPolicy, state: FollowerState, name: TimerName, moment: Moment): Step {
  switch (name) {
    case "handshake":
      return isLinked(state) && state.phase !== "authenticated" && state.phase !== "saving"
        ? drop(policy, state, "the node did not answer in time", moment)
        : { state, effects: [] };
    case "heartbeat":
      return state.phase === "authenticated"
        ? {
            state,
            effects: [
              { type: "send_heartbeat" },
              { type: "set_timer", timer: "heartbeat", ms: policy.heartbeatIntervalMs },
            ],
          }
        : { state, effects: [] };
    case "reconnect":
      return state.phase === "waiting" ? connecting(policy, state) : { state, effects: [] };
  }
}
