import { knownCapabilities } from "../wire/basics.ts";
import type { NodeMessage, NodeMessageOf, PairFailedReason } from "../wire/index.ts";
import { clockOffset } from "./clockOffset.ts";
import type { FollowerState, LinkedState, OpenPairing } from "./followerState.ts";
import type { StopCode } from "./stopReasons.ts";
import type { Effect, FollowerPolicy, Moment, Step } from "./transitionTypes.ts";

/** A message of the node in a state with a socket. One that makes no sense there changes nothing. */
export function nodeMessage(policy: FollowerPolicy, state: LinkedState, message: NodeMessage, moment: Moment): Step {
  // A node names nobody else; a message that does is a mistake which must not change this follower's trust.
  if ("identifier" in message.payload && message.payload.identifier !== policy.identifier)
    return { state, effects: [] };
  switch (message.type) {
    case "hello_ack":
      return state.phase === "greeting" ? helloAck(policy, state, message, moment) : { state, effects: [] };
    case "pair_request":
      return pairRequest(policy, state, message, moment);
    case "pair_success":
      return pairSuccess(state, message, moment);
    case "pair_failed":
      return pairFailed(policy, state, message.payload.reason, moment);
    case "auth_success":
      return authSuccess(policy, state, message, moment);
    case "auth_failed":
      return authFailed(policy, state, message);
    case "re_pair_required":
      return ending(policy, state, "trust_revoked", state.paired ? [{ type: "forget_secret" }] : [], false);
    case "heartbeat_ack":
    case "status_update":
      return statusTold(state, message);
    case "disconnect_notice": {
      const { reason } = message.payload;
      return {
        state: { ...state, notice: reason },
        effects: [{ type: "emit", emission: { name: "notice", value: { reason } } }],
      };
    }
    case "message":
    case "gap":
      return { state, effects: hasAcks(state) ? [{ type: "receive", message }] : [] };
    case "message_ack":
      return { state, effects: hasAcks(state) ? [{ type: "take_answer", answer: message.payload }] : [] };
    case "error":
      return errorFrame(policy, state, message, moment);
  }
}

/** The wait for the next answer of the node. */
export function awaitAnswer(policy: FollowerPolicy): Effect {
  return { type: "set_timer", timer: "handshake", ms: policy.handshakeTimeoutMs };
}

function hasAcks(state: LinkedState): boolean {
  return state.phase === "authenticated" && state.acks;
}

type In<Phase extends FollowerState["phase"]> = Extract<FollowerState, { phase: Phase }>;

function helloAck(
  policy: FollowerPolicy,
  state: In<"greeting">,
  { payload, timestamp }: NodeMessageOf<"hello_ack">,
  moment: Moment,
): Step {
  const { attempt, paired, proofClock, sentAt } = state;
  // A node that grants what nobody asked for is not to be answered in it.
  const acks = [policy.capabilities, knownCapabilities(payload.capabilities)].every((names) => names.includes("ack"));
  const clockOffsetMs = clockOffset(timestamp, sentAt, moment.now, proofClock);
  switch (payload.nextAction) {
    case "pair_required":
    case "waiting_pair_confirm":
      return {
        state: { phase: "pairing_asked", attempt, paired, proofClock, acks, clockOffsetMs },
        effects: [awaitAnswer(policy)],
      };
    case "auth_required":
      // Without a secret there is nothing to prove; a node that asks for it all the same cannot be served.
      return paired
        ? authenticate(policy, { ...state, acks }, clockOffsetMs, moment)
        : ending(policy, state, undefined);
    case "rejected":
      return ending(policy, state, "identifier_not_allowed");
  }
}

/** The proof of key and secret, stamped with the node's time. */
export function authenticate(
  policy: FollowerPolicy,
  { attempt, proofClock, acks }: In<"greeting" | "saving">,
  clockOffsetMs: number,
  moment: Moment,
): Step {
  const timestamp = Math.max(0, Math.floor((moment.now + clockOffsetMs) / 1000));
  return {
    state: { phase: "authenticating", attempt, paired: true, proofClock, acks },
    effects: [awaitAnswer(policy), { type: "send_auth_request", timestamp }],
  };
}

function pairRequest(
  policy: FollowerPolicy,
  state: LinkedState,
  { payload }: NodeMessageOf<"pair_request">,
  moment: Moment,
): Step {
  const { expiresAt, ttlSeconds, adminNotification } = payload;
  const pairing: OpenPairing = { expiresAt, expiresAtMs: moment.now + ttlSeconds * 1000, adminNotification };
  const announce: Effect = { type: "announce_pairing", pairing };
  switch (state.phase) {
    case "pairing_asked":
    case "pairing": {
      const news =
        state.phase === "pairing_asked" ||
        state.pairing.adminNotification !== adminNotification ||
        state.pairing.expiresAt !== expiresAt;
      const timer = awaitCode(policy, pairing, moment);
      return { state: { ...state, phase: "pairing", pairing }, effects: news ? [timer, announce] : [timer] };
    }
    case "confirming":
      return { state: { ...state, pairing }, effects: [] };
    case "connecting":
    case "greeting":
    case "saving":
    case "authenticating":
    case "authenticated":
    case "ending":
      return { state, effects: [] };
  }
}

/** An open pairing lasts as long as its code; after that the node has a while to say so. */
function awaitCode(policy: FollowerPolicy, pairing: OpenPairing, moment: Moment): Effect {
  const leftMs = Math.max(0, pairing.expiresAtMs - moment.now);
  return { type: "set_timer", timer: "handshake", ms: leftMs + policy.handshakeTimeoutMs };
}

function pairSuccess(state: LinkedState, message: NodeMessageOf<"pair_success">, moment: Moment): Step {
  // Also without a code on its way: the answer to one that was refused for the moment may be late.
  if (state.phase !== "pairing" && state.phase !== "confirming") return { state, effects: [] };
  const { attempt, paired, proofClock, acks } = state;
  const { secret, pairedAt } = message.payload;
  const clockOffsetMs =
    state.phase === "confirming"
      ? clockOffset(message.timestamp, state.sentAt, moment.now, proofClock)
      : state.clockOffsetMs;
  return {
    state: { phase: "saving", attempt, paired, proofClock, acks, clockOffsetMs },
    effects: [
      { type: "clear_timer", timer: "handshake" },
      { type: "save_secret", secret, pairedAt },
    ],
  };
}

function pairFailed(policy: FollowerPolicy, state: LinkedState, reason: PairFailedReason, moment: Moment): Step {
  if (state.phase !== "pairing_asked" && state.phase !== "pairing" && state.phase !== "confirming") {
    return { state, effects: [] };
  }
  const pairingOpen = reason === "invalid_code" && state.phase !== "pairing_asked";
  const told: Effect[] = [
    { type: "answer_pair", error: reason },
    { type: "emit", emission: { name: "pair_failed", value: { reason, pairingOpen } } },
  ];
  if (pairingOpen) return backToPairing(policy, state, told, moment);
  return ending(policy, state, stopAfter(reason), told);
}

function stopAfter(reason: PairFailedReason): StopCode | undefined {
  switch (reason) {
    case "identifier_not_allowed":
      return "identifier_not_allowed";
    case "rejected_by_admin":
      // A person has decided. Coming back would ask them again and again.
      return "pairing_rejected";
    case "expired":
    case "invalid_code":
    case "admin_notification_failed":
    case "internal_error":
    case "too_many_attempts":
      return undefined;
  }
}

function backToPairing(
  policy: FollowerPolicy,
  state: In<"pairing" | "confirming">,
  effects: readonly Effect[],
  moment: Moment,
): Step {
  const { attempt, paired, proofClock, acks, clockOffsetMs, pairing, notice } = state;
  return {
    state: {
      phase: "pairing",
      attempt,
      paired,
      proofClock,
      acks,
      clockOffsetMs,
      pairing,
      ...(notice === undefined ? {} : { notice }),
    },
    effects: [awaitCode(policy, pairing, moment), ...effects],
  };
}

function authSuccess(
  policy: FollowerPolicy,
  state: LinkedState,
  { payload }: NodeMessageOf<"auth_success">,
  moment: Moment,
): Step {
  if (state.phase !== "authenticating") return { state, effects: [] };
  const { status, authenticatedAt } = payload;
  return {
    state: {
      phase: "authenticated",
      attempt: state.attempt,
      paired: true,
      proofClock: "mended",
      acks: state.acks,
      status,
      since: moment.now,
    },
    effects: [
      { type: "clear_timer", timer: "handshake" },
      { type: "set_timer", timer: "heartbeat", ms: policy.heartbeatIntervalMs },
      { type: "emit", emission: { name: "authenticated", value: { authenticatedAt } } },
      { type: "answer_connect" },
    ],
  };
}

function authFailed(policy: FollowerPolicy, state: LinkedState, { payload }: NodeMessageOf<"auth_failed">): Step {
  const { reason } = payload;
  const told: Effect = { type: "emit", emission: { name: "auth_failed", value: { reason } } };
  if (state.phase !== "authenticating") return { state, effects: [told] };
  const wrongTime = reason === "stale_timestamp" || reason === "future_timestamp";
  return ending(policy, wrongTime ? { ...state, proofClock: "node" } : state, undefined, [told]);
}

function statusTold(state: LinkedState, message: NodeMessageOf<"heartbeat_ack" | "status_update">): Step {
  if (state.phase !== "authenticated") return { state, effects: [] };
  const { status } = message.payload;
  const reason = message.type === "status_update" ? message.payload.reason : undefined;
  const value = reason === undefined ? { status } : { status, reason };
  return {
    state: state.status === status ? state : { ...state, status },
    effects: [{ type: "emit", emission: { name: "status", value } }],
  };
}

function errorFrame(
  policy: FollowerPolicy,
  state: LinkedState,
  { payload }: NodeMessageOf<"error">,
  moment: Moment,
): Step {
  const { code, message } = payload;
  const told: Effect = { type: "emit", emission: { name: "error_frame", value: { code, message } } };
  if (code === "RATE_LIMITED" && hasAcks(state)) return { state, effects: [told, { type: "slow_down" }] };
  if (state.phase !== "confirming") return { state, effects: [told] };
  // Before authentication one request is open at a time, so the error answers the code.
  return backToPairing(policy, state, [told, { type: "answer_pair", error: "refused_for_now" }], moment);
}

/** The node has ended it, and is given a while to close. What it said before wins over what comes later. */
function ending(
  policy: FollowerPolicy,
  state: LinkedState,
  stop: StopCode | undefined,
  effects: readonly Effect[] = [],
  paired = state.paired,
): Step {
  const { attempt, proofClock, acks, notice } = state;
  const last = stop ?? (state.phase === "ending" ? state.stop : undefined);
  return {
    state: {
      phase: "ending",
      attempt,
      paired,
      proofClock,
      acks,
      ...(notice === undefined ? {} : { notice }),
      ...(last === undefined ? {} : { stop: last }),
    },
    effects: [
      { type: "clear_timer", timer: "heartbeat" },
      awaitAnswer(policy),
      ...effects,
      // Whoever still waits has not been answered by the message itself.
      { type: "answer_pair", error: "connection_lost" },
    ],
  };
}
