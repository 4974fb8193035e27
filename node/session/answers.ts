import type {
  AdminNotification,
  AuthFailedReason,
  ErrorCode,
  FollowerStatus,
  MessageAckStatus,
  MessageRejectedReason,
  NextAction,
  NodeMessage,
  PairFailedReason,
  RePairReason,
} from "@yonexus/protocol/wire";
import type { Effect } from "./event.ts";
import type { InboundMessage } from "./inboundMessage.ts";
import type { OpenPairing, Peer } from "./state.ts";

/** The effects that answer a follower. The driver stamps each with the time; a reply echoes its request's id. */
function send(message: NodeMessage, requestId?: string): Effect {
  return { do: "send", message: requestId === undefined ? message : { ...message, requestId } };
}

export function helloAck(peer: Peer, nextAction: NextAction, requestId: string | undefined): Effect {
  const { identifier, capabilities } = peer;
  const granted = capabilities === undefined ? {} : { capabilities: [...capabilities] };
  return send({ type: "hello_ack", payload: { identifier, nextAction, ...granted } }, requestId);
}

/** @param pairing whose `expiresAt` is in ms; the wire has seconds. */
export function pairRequest(identifier: string, pairing: OpenPairing, adminNotification: AdminNotification): Effect {
  return send({
    type: "pair_request",
    payload: {
      identifier,
      expiresAt: Math.floor(pairing.expiresAt / 1000),
      ttlSeconds: Math.max(0, Math.floor(pairing.ttlMs / 1000)),
      adminNotification,
      codeDelivery: "out_of_band",
    },
  });
}

export function pairSuccess(
  identifier: string,
  secret: string,
  pairedAtMs: number,
  requestId: string | undefined,
): Effect {
  const pairedAt = Math.floor(pairedAtMs / 1000);
  return send({ type: "pair_success", payload: { identifier, secret, pairedAt } }, requestId);
}

export function pairFailed(identifier: string, reason: PairFailedReason, requestId?: string): Effect {
  return send({ type: "pair_failed", payload: { identifier, reason } }, requestId);
}

export function authSuccess(identifier: string, authenticatedAtMs: number, requestId: string | undefined): Effect {
  const authenticatedAt = Math.floor(authenticatedAtMs / 1000);
  return send({ type: "auth_success", payload: { identifier, authenticatedAt, status: "online" } }, requestId);
}

export function authFailed(identifier: string, reason: AuthFailedReason, requestId: string | undefined): Effect {
  return send({ type: "auth_failed", payload: { identifier, reason } }, requestId);
}

export function rePairRequired(identifier: string, reason: RePairReason): Effect {
  return send({ type: "re_pair_required", payload: { identifier, reason } });
}

export function heartbeatAck(identifier: string, status: FollowerStatus, requestId: string | undefined): Effect {
  return send({ type: "heartbeat_ack", payload: { identifier, status } }, requestId);
}

export function statusUpdate(identifier: string, status: FollowerStatus, reason: string): Effect {
  return send({ type: "status_update", payload: { identifier, status, reason } });
}

/** @param message a sentence that says what to do and repeats nothing that was received. */
export function errorAnswer(code: ErrorCode, message: string, requestId?: string, details?: { rule: string }): Effect {
  return send(
    { type: "error", payload: details === undefined ? { code, message } : { code, message, details } },
    requestId,
  );
}

/** The answer to a hello of somebody who is not in the allowlist. */
export function rejection(peer: Peer, requestId: string | undefined): Effect[] {
  return [
    helloAck(peer, "rejected", requestId),
    errorAnswer(
      "IDENTIFIER_NOT_ALLOWED",
      "This identifier is not on the allowlist: ask the operator to allow it.",
      requestId,
    ),
  ];
}

/** For the spread into something that repeats the id of the request, if it had one. */
export function echo(requestId: string | undefined): { readonly requestId?: string } {
  return requestId === undefined ? {} : { requestId };
}

/** The answer to a message that came with an id. */
export function messageAck(
  id: string,
  status: MessageAckStatus,
  requestId: string | undefined,
  reason?: MessageRejectedReason,
): Effect {
  return send(
    { type: "message_ack", payload: reason === undefined ? { id, status } : { id, status, reason } },
    requestId,
  );
}

/** The answer to a message that was read when its session ended. */
export function notAccepted({ rule, id, requestId }: InboundMessage): Effect {
  return id === undefined
    ? errorAnswer(
        "CLIENT_OFFLINE",
        "The session ended before this message was handed on: it was not accepted.",
        requestId,
        {
          rule,
        },
      )
    : messageAck(id, "rejected", requestId, "session_ended");
}
