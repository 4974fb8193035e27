import type { CloseReason, ErrorCode } from "@yonexus/protocol/wire";
import { onActiveEvent } from "./active.ts";
import { errorAnswer, rePairRequired } from "./answers.ts";
import type { ConnectionEvent, Effect, Transition } from "./event.ts";
import { onHandshakeEvent } from "./handshake.ts";
import type { ConnectionState, Phase } from "./state.ts";

/** So many frames that break the protocol close a connection (4500). */
export const MAX_VIOLATIONS = 3;

/**
 * The protocol of one connection, pure: what happens, in which phase, to what end. Time comes in as events, and what is to
 * be done goes out as effects, so that every path can be tested without a socket.
 */
export function transition(state: ConnectionState, event: ConnectionEvent): Transition {
  const { phase } = state;
  if (phase.name === "closed") return afterClose(state, event);

  switch (event.type) {
    case "socketGone":
      return {
        state: { ...state, phase: { name: "closed", reason: "gone" } },
        effects: phase.name === "active" ? [endOf(phase, phase.leaving ?? "disconnected")] : [],
      };
    case "closeOrdered":
      if (event.upToEpoch !== undefined && (phase.name !== "active" || phase.epoch > event.upToEpoch))
        return stay(state);
      // Nothing is wrong with the session: what is under way still counts, and it ends with its socket.
      if (phase.name === "active" && event.reason === "draining") {
        return phase.leaving === undefined
          ? into(state, { ...phase, leaving: "draining" }, closing(phase, "draining"))
          : stay(state);
      }
      return close(
        state,
        event.reason,
        phase.name === "active" && event.reason === "trust_revoked"
          ? [rePairRequired(phase.identifier, "trust_revoked")]
          : [],
      );
    case "binaryFrame":
      return violation(state, "MALFORMED_MESSAGE", "Binary frames are not part of the protocol: send text.");
    case "overRate":
      return {
        state,
        effects: [
          errorAnswer("RATE_LIMITED", "Too many messages: this one was not accepted. Send slower, then again."),
        ],
      };
    case "internalFault":
      return close(state, "overloaded", [
        errorAnswer("INTERNAL_ERROR", "The node failed on this. Come back and try again."),
      ]);
    case "frame":
      if (event.frame.kind === "malformed") {
        return violation(state, "MALFORMED_MESSAGE", sentence(event.frame.reason), event.frame.requestId);
      }
      break;
    default:
      break;
  }
  return phase.name === "active" ? onActiveEvent(state, phase, event) : onHandshakeEvent(state, phase, event);
}

/** Nothing to do. */
export function stay(state: ConnectionState, ...effects: Effect[]): Transition {
  return { state, effects };
}

/** Into another phase. */
export function into(state: ConnectionState, phase: Phase, ...effects: Effect[]): Transition {
  return { state: { ...state, phase }, effects };
}

/** A forced end: what is to be said, the notice, the close; an active session is given up. */
export function close(state: ConnectionState, reason: CloseReason, said: readonly Effect[] = []): Transition {
  const { phase } = state;
  return {
    state: { ...state, phase: { name: "closed", reason } },
    effects: [...said, closing(phase, reason), ...(phase.name === "active" ? [endOf(phase, reason)] : [])],
  };
}

function closing(phase: Phase, reason: CloseReason): Effect {
  const identifier = "peer" in phase ? phase.peer.identifier : "identifier" in phase ? phase.identifier : undefined;
  return identifier === undefined ? { do: "close", reason } : { do: "close", reason, identifier };
}

/** An answer that repeats nothing of the frame; the third one on a connection ends it. */
export function violation(state: ConnectionState, code: ErrorCode, message: string, requestId?: string): Transition {
  const violations = state.violations + 1;
  const answer = errorAnswer(code, message, requestId);
  if (violations >= MAX_VIOLATIONS) return close({ ...state, violations }, "protocol_violation", [answer]);
  return { state: { ...state, violations }, effects: [answer] };
}

/** A claim can come true after its connection is gone: then the session that it opened is given up at once. */
function afterClose(state: ConnectionState, event: ConnectionEvent): Transition {
  if (event.type === "proofJudged" && event.verdict.outcome === "claimed") {
    const { phase } = state;
    const reason = phase.name === "closed" && phase.reason !== "gone" ? phase.reason : "disconnected";
    return stay(state, { do: "endSession", epoch: event.verdict.epoch, reason });
  }
  return stay(state);
}

function endOf(phase: { epoch: number }, reason: string): Effect {
  return { do: "endSession", epoch: phase.epoch, reason };
}

function sentence(reason: string): string {
  return `${reason.charAt(0).toUpperCase()}${reason.slice(1)}${reason.endsWith(".") ? "" : "."}`;
}
