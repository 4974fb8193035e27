import type { MessageRejectedReason } from "@yonexus/protocol/wire";
import { type CloseReason, isCloseReason } from "@yonexus/protocol/wire/basics";
import { echo, errorAnswer, heartbeatAck, messageAck, rePairRequired, statusUpdate } from "./answers.ts";
import type { ConnectionEvent, Effect, Transition } from "./event.ts";
import { type InboundMessage, inboundMessage } from "./inboundMessage.ts";
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
    case "ackJudged":
      return stay(
        state,
        event.outcome === "unknown"
          ? errorAnswer("UNKNOWN_MESSAGE", "No such message was queued for you: nothing was changed.", event.requestId)
          : errorAnswer("OVERLOADED", "The cluster cannot take this ack now: send it again.", event.requestId),
      );
    case "settledStale":
      return stay(state, { do: "reassert" });
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
          return into(state, { ...phase, status: reassertion.status }, { do: "resumeQueue", queue: reassertion.queue });
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
  const { outcome, message } = event;
  switch (outcome) {
    case "appended":
    case "duplicate":
      if (message.id === undefined) return stay(state);
      return stay(state, messageAck(message.id, outcome === "appended" ? "accepted" : "duplicate", message.requestId));
    case "id_conflict":
      return stay(state, refused(message, "id_conflict"));
    case "unknown_rule":
      return stay(state, refused(message, "unknown_rule"));
    case "overloaded":
      return stay(state, refused(message, "overloaded"));
    case "doubtful":
      return stay(
        state,
        message.id === undefined
          ? errorAnswer("OVERLOADED", "The cluster stopped answering: the message may have been accepted.", undefined, {
              rule: message.rule,
            })
          : refused(message, "overloaded"),
      );
    case "stale":
      return stay(state, refused(message, "overloaded"), { do: "reassert" });
  }
}

/** The message was not stored. With an id the same one may be sent again, also when Redis stopped answering on the way. */
function refused(message: InboundMessage, reason: Exclude<MessageRejectedReason, "session_ended">): Effect {
  const { rule, id, requestId } = message;
  if (id !== undefined) return messageAck(id, "rejected", requestId, reason);
  return reason === "unknown_rule"
    ? errorAnswer("UNKNOWN_RULE", "Nobody holds this rule: the message was not accepted.", undefined, { rule })
    : errorAnswer("OVERLOADED", "The cluster cannot take this now: it was not accepted. Try again.", undefined, {
        rule,
      });
}

function onFrame(
  state: ConnectionState,
  phase: Active,
  frame: Extract<ConnectionEvent, { type: "frame" }>["frame"],
): Transition {
  if (frame.kind === "application") {
    return stay(state, {
      do: "dispatch",
      epoch: phase.epoch,
      message: { rule: frame.rule, content: frame.content },
    });
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
      return stay(state, { do: "recordBeat", epoch: phase.epoch, ...echo(message.requestId) });
    case "message": {
      if (!phase.acks) return notGranted(state, message.requestId);
      return stay(state, { do: "dispatch", epoch: phase.epoch, message: inboundMessage(message) });
    }
    case "message_ack": {
      if (!phase.acks) return notGranted(state, message.requestId);
      const { id, status, reason } = message.payload;
      return stay(state, {
        do: "settle",
        messageId: id,
        ...(status === "rejected" ? { rejection: reason ?? "" } : {}),
        ...echo(message.requestId),
      });
    }
    case "hello":
      return violation(state, "MALFORMED_MESSAGE", "A connection says hello once.", message.requestId);
    case "pair_confirm":
      return violation(state, "MALFORMED_MESSAGE", "This follower is paired: nothing was changed.", message.requestId);
    case "auth_request":
      return violation(state, "MALFORMED_MESSAGE", "This connection is authenticated already.", message.requestId);
  }
}

function notGranted(state: ConnectionState, requestId: string | undefined): Transition {
  return violation(
    state,
    "MALFORMED_MESSAGE",
    "This connection has no acks: ask for the capability ack in your hello.",
    requestId,
  );
}

function endReason(reason: string): CloseReason {
  return isCloseReason(reason) ? reason : "overloaded";
}
