import type { FollowerMessage, FollowerMessageOf } from "@yonexus/protocol/wire";
import {
  decodeBase64Strict,
  isUsablePublicKey,
  keyFingerprint,
  knownCapabilities,
  LIMITS,
  PROTOCOL_VERSION,
} from "@yonexus/protocol/wire/basics";
import {
  authFailed,
  authSuccess,
  echo,
  errorAnswer,
  helloAck,
  pairFailed,
  rejection,
  rePairRequired,
} from "./answers.ts";
import type { ConnectionEvent, ProofVerdict, Transition } from "./event.ts";
import { announce, onPairingConfirmed, onPairingGranted, onPairingNews, onPairingOpened } from "./pairing.ts";
import type { ConnectionState, Peer, Phase } from "./state.ts";
import { close, into, stay, violation } from "./transition.ts";

type Handshake = Exclude<Phase, { name: "active" | "closed" }>;

/** Everything before a session is open: hello, pairing, proof. */
export function onHandshakeEvent(state: ConnectionState, phase: Handshake, event: ConnectionEvent): Transition {
  switch (event.type) {
    case "frame":
      return onFrame(state, phase, event.frame);
    case "deadlinePassed":
      return phase.name === "awaitingCode" || phase.name === "confirming" || phase.name === "granting"
        ? close(state, "handshake_timeout", [pairFailed(phase.peer.identifier, "expired", requestIdOf(phase))])
        : close(state, "handshake_timeout");
    case "unavailable":
      return close(state, "overloaded", [
        errorAnswer(
          "OVERLOADED",
          "The cluster cannot take a handshake now. Come back in a moment.",
          requestIdOf(phase),
        ),
      ]);
    case "lookedUp":
      return phase.name === "lookingUp" ? onLookedUp(state, phase, event.lookup) : stay(state);
    case "pairingOpened":
      return phase.name === "openingPairing" ? onPairingOpened(state, phase, event.opened) : stay(state);
    case "pairingNews":
      return onPairingNews(state, phase, event);
    case "noticeWaitOver":
      if (phase.name !== "awaitingCode" || phase.announced !== undefined) return stay(state);
      return announce(state, phase.peer, phase.pairing);
    case "pairingPoolFull":
      return close(state, "overloaded", [
        errorAnswer("OVERLOADED", "Too many pairings wait on this node, or from your address. Come back in a moment."),
      ]);
    case "pairingTakenOver":
      // A code that is under way is answered first.
      return phase.name === "openingPairing" || phase.name === "awaitingCode"
        ? close(state, "handshake_timeout")
        : stay(state);
    case "pairingConfirmed":
      return phase.name === "confirming" ? onPairingConfirmed(state, phase, event) : stay(state);
    case "pairingGranted":
      return phase.name === "granting" ? onPairingGranted(state, phase, event) : stay(state);
    case "proofJudged":
      return phase.name === "proving" ? onProofJudged(state, phase, event.verdict) : stay(state);
    default:
      return stay(state);
  }
}

function onFrame(
  state: ConnectionState,
  phase: Handshake,
  frame: Extract<ConnectionEvent, { type: "frame" }>["frame"],
): Transition {
  if (frame.kind === "malformed") return stay(state);
  if (frame.kind === "application") return tooEarly(state, phase, "message", undefined);
  const { message } = frame;
  if (phase.name === "awaitingHello") {
    if (message.type === "hello") return onHello(state, message);
    return isForSessions(message)
      ? tooEarly(state, phase, message.type, message.requestId)
      : violation(state, "MALFORMED_MESSAGE", "The first frame is a hello.", message.requestId);
  }
  if (message.type === "hello") {
    return violation(state, "MALFORMED_MESSAGE", "A connection says hello once.", message.requestId);
  }
  if ("identifier" in message.payload && message.payload.identifier !== phase.peer.identifier) {
    return violation(
      state,
      "MALFORMED_MESSAGE",
      "The message names another identifier than the hello.",
      message.requestId,
    );
  }
  switch (message.type) {
    case "pair_confirm":
      if (phase.name === "awaitingCode") {
        return into(
          state,
          { name: "confirming", peer: phase.peer, pairing: phase.pairing, ...echo(message.requestId) },
          { do: "confirmPairing", peer: phase.peer, pairingCode: message.payload.pairingCode },
        );
      }
      // It crossed the approval on its way: what the approval led to is its answer.
      if (phase.name === "granting") return stay(state);
      if (phase.name === "awaitingProof" && phase.approved) {
        const { name, peer, expected } = phase;
        return into(state, { name, peer, expected });
      }
      return phase.name === "awaitingProof"
        ? violation(
            state,
            "MALFORMED_MESSAGE",
            "This follower is paired: nothing was changed. Send auth_request.",
            message.requestId,
          )
        : violation(state, "MALFORMED_MESSAGE", "No pairing waits for a code on this connection.", message.requestId);
    case "auth_request":
      if (phase.name === "awaitingProof") {
        return into(
          state,
          { name: "proving", peer: phase.peer, ...echo(message.requestId) },
          { do: "judgeProof", request: message, peer: phase.peer, expected: phase.expected },
        );
      }
      return close(state, "auth_failed", [
        authFailed(phase.peer.identifier, phase.peer.paired ? "invalid_secret" : "not_paired", message.requestId),
      ]);
    case "heartbeat":
    case "message":
    case "message_ack":
      return tooEarly(state, phase, message.type, message.requestId);
  }
}

type ForSessions = FollowerMessageOf<"heartbeat" | "message" | "message_ack">;

function isForSessions(message: FollowerMessage): message is ForSessions {
  return message.type === "heartbeat" || message.type === "message" || message.type === "message_ack";
}

/** What only a session may send. */
function tooEarly(
  state: ConnectionState,
  phase: Handshake,
  what: ForSessions["type"],
  requestId: string | undefined,
): Transition {
  const isPairing = ["awaitingCode", "confirming", "granting", "openingPairing"].includes(phase.name);
  return "peer" in phase && isPairing && !phase.peer.paired
    ? violation(state, "PAIRING_REQUIRED", `Pair first: the ${what} was not accepted.`, requestId)
    : violation(state, "AUTH_FAILED", `Authenticate first: the ${what} was not accepted.`, requestId);
}

function onHello(state: ConnectionState, hello: FollowerMessageOf<"hello">): Transition {
  const { identifier, hasSecret, hasKeyPair, publicKey, protocolVersion, capabilities } = hello.payload;
  if (protocolVersion !== PROTOCOL_VERSION) {
    const peer: Peer = { identifier, hasSecret, paired: false };
    return close({ ...state, phase: { name: "lookingUp", peer } }, "unsupported_protocol_version", [
      errorAnswer(
        "UNSUPPORTED_PROTOCOL_VERSION",
        `This node speaks protocol version ${PROTOCOL_VERSION}.`,
        hello.requestId,
      ),
    ]);
  }
  const raw = publicKey === undefined ? undefined : decodeBase64Strict(publicKey, LIMITS.publicKeyBytes);
  if (publicKey !== undefined && (raw === undefined || !isUsablePublicKey(raw))) {
    return violation(
      state,
      "MALFORMED_MESSAGE",
      "The public key is not a usable Ed25519 key: make a new pair.",
      hello.requestId,
    );
  }
  const peer: Peer = {
    identifier,
    hasSecret,
    paired: false,
    ...(capabilities === undefined || capabilities.length === 0
      ? {}
      : { capabilities: knownCapabilities(capabilities) }),
    ...(raw === undefined || publicKey === undefined || !hasKeyPair
      ? {}
      : { key: { publicKey, fingerprint: keyFingerprint(raw) } }),
  };
  return into(state, { name: "lookingUp", peer, ...echo(hello.requestId) }, { do: "lookUp", peer });
}

function onLookedUp(
  state: ConnectionState,
  phase: Extract<Phase, { name: "lookingUp" }>,
  lookup: Extract<ConnectionEvent, { type: "lookedUp" }>["lookup"],
): Transition {
  const { peer, requestId } = phase;
  if (!lookup.allowed) return close(state, "identifier_not_allowed", rejection(peer, requestId));
  if (lookup.trust !== undefined && peer.hasSecret) {
    const expected = { trustVersion: lookup.trustVersion, trust: lookup.trust };
    return into(state, { name: "awaitingProof", peer, expected }, helloAck(peer, "auth_required", requestId));
  }
  if (peer.key === undefined) {
    // Not a second hello: this one led nowhere, and a good one may follow.
    return violation(
      { ...state, phase: { name: "awaitingHello" } },
      "MALFORMED_MESSAGE",
      "To pair, the hello must name a public key with hasKeyPair true.",
      requestId,
    );
  }
  return into(
    state,
    { name: "openingPairing", peer: { ...peer, paired: lookup.trust !== undefined } },
    helloAck(peer, lookup.pairing === undefined ? "pair_required" : "waiting_pair_confirm", requestId),
    { do: "openPairing", peer },
  );
}

function onProofJudged(
  state: ConnectionState,
  phase: Extract<Phase, { name: "proving" }>,
  verdict: ProofVerdict,
): Transition {
  const { requestId } = phase;
  const { identifier, capabilities } = phase.peer;
  switch (verdict.outcome) {
    case "claimed":
      return into(
        state,
        {
          name: "active",
          identifier,
          epoch: verdict.epoch,
          status: "online",
          acks: capabilities?.includes("ack") === true,
        },
        { do: "openSession", epoch: verdict.epoch, authenticatedAt: verdict.now, queue: verdict.queue },
        authSuccess(identifier, verdict.now, requestId),
      );
    case "refused":
      return verdict.tooMany
        ? close(state, "rate_limited", [authFailed(identifier, "rate_limited", requestId)])
        : close(state, "auth_failed", [authFailed(identifier, verdict.reason, requestId)]);
    case "stale_timestamp":
    case "future_timestamp":
      return close(state, "auth_failed", [authFailed(identifier, verdict.outcome, requestId)]);
    case "takeover_conflict":
      return close(state, "takeover_conflict");
    case "nonce_collision":
    case "rate_limited":
      return close(state, "trust_revoked", [
        authFailed(identifier, verdict.outcome, requestId),
        rePairRequired(identifier, verdict.outcome),
      ]);
    case "not_allowed":
      return close(state, "identifier_not_allowed", [authFailed(identifier, "unknown_identifier", requestId)]);
    case "trust_changed":
      return close(state, "auth_failed", [authFailed(identifier, "not_paired", requestId)]);
  }
}

/** The id of the request that an answer is under way for. */
function requestIdOf(phase: Handshake): string | undefined {
  return "requestId" in phase ? phase.requestId : undefined;
}
