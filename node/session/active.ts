import type { CloseReason } from "@yonexus/protocol/wire";
import { isCloseReason } from "@yonexus/protocol/wire";
import { errorAnswer, heartbeatAck, rePairRequired, statusUpdate } from "./answers.ts";
import type { ConnectionEvent, Transition } from "./event.ts";
import type { ConnectionState, Phase } from "./state.ts";
import { close, into, stay, violation } from "./transition.ts";

type Active = Extract<Phase, { name: "active" }>;

/** An authenticated session: heartbeats, messages, and what the cluster decides about it. */
export function onActiveEvent(state: ConnectionState, phase: Active, event: ConnectionEvent): Transition {
  switch (event.type) {
    case "frame":
      return onFrame(state, phase, event.frame);
    case "beatRecorded":
      // Stale: a newer session or a sweep was quicker. What exactly happened, the session itself tells.
      if (event.outcome === "stale") return stay(state, { do: "reassert" });
      return event.outcome === "alive"
        ? into(state, { ...phase, status: "online" }, heartbeatAck(phase.identifier, "online", event.requestId))
        : stay(state, heartbeatAck(phase.identifier, phase.status, event.requestId));
    case "dispatched":
      return onDispatched(state, event);
    case "unavailable":
      return stay(
        state,
        errorAnswer("OVERLOADED", "The cluster cannot take this now: it was not accepted. Try again."),
      );
    case "statusDecided":
      if (event.epoch !== phase.epoch || event.status === phase.status) return stay(state);
      return into(
        state,
        { ...phase, status: event.status },
        statusUpdate(phase.identifier, event.status, "heartbeat_timeout"),
      );
    case "reasserted": {
      const { reassertion } = event;
      switch (reassertion.outcome) {
        case "kept":
          return into(state, { ...phase, status: reassertion.status });
        case "superseded":
          return close(state, "session_replaced");
        case "not_allowed":
          return close(state, "identifier_not_allowed");
        case "revoked":
          return close(state, "trust_revoked", [rePairRequired(phase.identifier, "trust_revoked")]);
        case "ended":
          return close(state, endReason(reassertion.reason));
      }
      break;
    }
    default:
      return stay(state);
  }
}

function onDispatched(state: ConnectionState, event: Extract<ConnectionEvent, { type: "dispatched" }>): Transition {
  const { outcome, rule } = event;
  switch (outcome) {
    case "appended":
      return stay(state);
    case "unknown_rule":
      return stay(
        state,
        errorAnswer("UNKNOWN_RULE", "Nobody holds this rule: the message was not accepted.", undefined, { rule }),
      );
    case "overloaded":
      return stay(state, overloaded(rule));
    case "doubtful":
      return stay(
        state,
        errorAnswer("OVERLOADED", "The cluster stopped answering: the message may have been accepted.", undefined, {
          rule,
        }),
      );
    case "stale":
      return stay(state, overloaded(rule), { do: "reassert" });
  }
}

function onFrame(
  state: ConnectionState,
  phase: Active,
  frame: Extract<ConnectionEvent, { type: "frame" }>["frame"],
): Transition {
  if (frame.kind === "application") {
    return stay(state, { do: "dispatch", epoch: phase.epoch, rule: frame.rule, content: frame.content });
  }
  if (frame.kind === "malformed") return stay(state);
  const { message } = frame;
  switch (message.type) {
    case "heartbeat":
      if (message.payload.identifier !== phase.identifier) {
        return violation(
          state,
          "MALFORMED_MESSAGE",
          "The heartbeat names another identifier: send the one of your hello.",
          message.requestId,
        );
      }
      return stay(state, {
        do: "recordBeat",
        epoch: phase.epoch,
        ...(message.requestId === undefined ? {} : { requestId: message.requestId }),
      });
    case "hello":
      return violation(state, "MALFORMED_MESSAGE", "A connection says hello once.", message.requestId);
    case "pair_confirm":
      return violation(state, "MALFORMED_MESSAGE", "This follower is paired: nothing was changed.", message.requestId);
    case "auth_request":
      return violation(state, "MALFORMED_MESSAGE", "This connection is authenticated already.", message.requestId);
  }
}

function overloaded(rule: string) {
  return errorAnswer("OVERLOADED", "The cluster cannot take this now: it was not accepted. Try again.", undefined, {
    rule,
  });
}

function endReason(reason: string): CloseReason {
  return isCloseReason(reason) ? reason : "overloaded";
}
