import {
  type CloseReason,
  decodeBase64Strict,
  type FollowerMessageOf,
  isUsablePublicKey,
  keyFingerprint,
  LIMITS,
  PROTOCOL_VERSION,
} from "@yonexus/protocol/wire";
import {
  authFailed,
  authSuccess,
  errorAnswer,
  helloAck,
  pairFailed,
  pairRequest,
  pairSuccess,
  rePairRequired,
} from "./answers.ts";
import type { ConnectionEvent, ProofVerdict, Transition } from "./event.ts";
import type { ConnectionState, OpenPairing, Peer, Phase } from "./state.ts";
import { close, into, stay, violation } from "./transition.ts";

type Handshake = Exclude<Phase, { name: "active" | "closed" }>;

/** Everything before a session is open: hello, pairing, proof. */
export function onHandshakeEvent(state: ConnectionState, phase: Handshake, event: ConnectionEvent): Transition {
  switch (event.type) {
    case "frame":
      return onFrame(state, phase, event.frame);
    case "deadlinePassed":
      return phase.name === "awaitingCode" || phase.name === "confirming"
        ? close(state, "handshake_timeout", [pairFailed(phase.peer.identifier, "expired")])
        : close(state, "handshake_timeout");
    case "unavailable":
      return close(state, "overloaded", [
        errorAnswer("OVERLOADED", "The cluster cannot take a handshake now. Come back in a moment."),
      ]);
    case "lookedUp":
      return phase.name === "lookingUp" ? onLookedUp(state, phase.peer, event.lookup) : stay(state);
    case "pairingOpened":
      return phase.name === "openingPairing" ? onPairingOpened(state, phase, event.opened) : stay(state);
    case "noticeResolved":
      return onNotice(state, phase, event);
    case "noticeWaitOver":
      if (phase.name !== "awaitingCode" || phase.announced !== undefined) return stay(state);
      return announce(state, phase.peer, phase.pairing);
    case "pairingPoolFull":
      return close(state, "overloaded", [
        errorAnswer("OVERLOADED", "Too many pairings wait on this node. Come back in a moment."),
      ]);
    case "pairingConfirmed":
      return phase.name === "confirming" ? onPairingConfirmed(state, phase, event) : stay(state);
    case "proofJudged":
      return phase.name === "proving" ? onProofJudged(state, phase.peer, event.verdict) : stay(state);
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
  if (frame.kind === "application") {
    const pairing = phase.name === "awaitingCode" || phase.name === "confirming" || phase.name === "openingPairing";
    return pairing
      ? violation(state, "PAIRING_REQUIRED", "Pair first: the message was not accepted.")
      : violation(state, "AUTH_FAILED", "Authenticate first: the message was not accepted.");
  }
  const { message } = frame;
  if (phase.name === "awaitingHello") {
    return message.type === "hello"
      ? onHello(state, message)
      : violation(state, "MALFORMED_MESSAGE", "The first frame is a hello.", message.requestId);
  }
  if (message.type === "hello") {
    return violation(state, "MALFORMED_MESSAGE", "A connection says hello once.", message.requestId);
  }
  if (message.payload.identifier !== phase.peer.identifier) {
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
          { name: "confirming", peer: phase.peer, pairing: phase.pairing },
          { do: "confirmPairing", peer: phase.peer, pairingCode: message.payload.pairingCode },
        );
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
          { name: "proving", peer: phase.peer },
          { do: "judgeProof", request: message, peer: phase.peer, expected: phase.expected },
        );
      }
      return close(state, "auth_failed", [
        authFailed(phase.peer.identifier, phase.peer.paired ? "invalid_secret" : "not_paired"),
      ]);
    case "heartbeat":
      return violation(state, "AUTH_FAILED", "Authenticate first: the heartbeat was not counted.", message.requestId);
  }
}

function onHello(state: ConnectionState, hello: FollowerMessageOf<"hello">): Transition {
  const { identifier, hasSecret, hasKeyPair, publicKey, protocolVersion } = hello.payload;
  if (protocolVersion !== PROTOCOL_VERSION) {
    return close(state, "unsupported_protocol_version", [
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
    ...(raw === undefined || publicKey === undefined || !hasKeyPair
      ? {}
      : { key: { publicKey, fingerprint: keyFingerprint(raw) } }),
  };
  return into(state, { name: "lookingUp", peer }, { do: "lookUp", peer });
}

function onLookedUp(
  state: ConnectionState,
  peer: Peer,
  lookup: Extract<ConnectionEvent, { type: "lookedUp" }>["lookup"],
): Transition {
  if (!lookup.allowed) return notAllowed(state, peer);
  if (lookup.trust !== undefined && peer.hasSecret) {
    const expected = { trustVersion: lookup.trustVersion, trust: lookup.trust };
    return into(state, { name: "awaitingProof", peer, expected }, helloAck(peer.identifier, "auth_required"));
  }
  if (peer.key === undefined) {
    // Not a second hello: this one led nowhere, and a good one may follow.
    return violation(
      { ...state, phase: { name: "awaitingHello" } },
      "MALFORMED_MESSAGE",
      "To pair, the hello must name a public key with hasKeyPair true.",
    );
  }
  return into(
    state,
    { name: "openingPairing", peer: { ...peer, paired: lookup.trust !== undefined } },
    helloAck(peer.identifier, lookup.pairing === undefined ? "pair_required" : "waiting_pair_confirm"),
    { do: "openPairing", peer },
  );
}

function onPairingOpened(
  state: ConnectionState,
  phase: Extract<Phase, { name: "openingPairing" }>,
  opened: Extract<ConnectionEvent, { type: "pairingOpened" }>["opened"],
): Transition {
  const { peer } = phase;
  if (opened.outcome === "not_allowed") return notAllowed(state, peer);
  if (opened.outcome !== "opened" && opened.outcome !== "joined") {
    return close(state, "rate_limited", [pairFailed(peer.identifier, "too_many_attempts")]);
  }
  const early = phase.earlyNotice?.pairingId === opened.pairingId ? phase.earlyNotice.result : undefined;
  if (early === "failed") return noticeFailed(state, peer);
  const ttlMs = opened.expiresAt - opened.now;
  const pairing: OpenPairing = {
    pairingId: opened.pairingId,
    expiresAt: opened.expiresAt,
    ttlMs,
    notice: early ?? opened.notice,
  };
  const joined: Transition["effects"] = [{ do: "joinPairingPool", untilMs: ttlMs }];
  if (pairing.notice === "sent") {
    const next = announce(state, peer, pairing);
    return { ...next, effects: [...joined, ...next.effects] };
  }
  return into(state, { name: "awaitingCode", peer, pairing }, ...joined, { do: "waitForNotice" });
}

function onNotice(
  state: ConnectionState,
  phase: Handshake,
  event: Extract<ConnectionEvent, { type: "noticeResolved" }>,
): Transition {
  if (phase.name === "openingPairing") {
    return into(state, { ...phase, earlyNotice: { pairingId: event.pairingId, result: event.result } });
  }
  if ((phase.name !== "awaitingCode" && phase.name !== "confirming") || phase.pairing.pairingId !== event.pairingId) {
    return stay(state);
  }
  if (event.result === "failed") return noticeFailed(state, phase.peer);
  const pairing: OpenPairing = { ...phase.pairing, notice: "sent" };
  if (phase.name === "confirming") return into(state, { ...phase, pairing });
  return phase.announced === "sent" ? stay(state) : announce(state, phase.peer, pairing);
}

function announce(state: ConnectionState, peer: Peer, pairing: OpenPairing): Transition {
  return into(
    state,
    { name: "awaitingCode", peer, pairing, announced: pairing.notice },
    pairRequest(peer.identifier, pairing, pairing.notice),
  );
}

function onPairingConfirmed(
  state: ConnectionState,
  phase: Extract<Phase, { name: "confirming" }>,
  event: Extract<ConnectionEvent, { type: "pairingConfirmed" }>,
): Transition {
  const { peer, pairing } = phase;
  const { confirmed, grant } = event;
  switch (confirmed.outcome) {
    case "paired": {
      if (grant === undefined) return close(state, "overloaded", [pairFailed(peer.identifier, "internal_error")]);
      return into(
        state,
        { name: "awaitingProof", peer: { ...peer, hasSecret: true, paired: true }, expected: grant.expected },
        pairSuccess(peer.identifier, grant.secret, confirmed.pairedAt),
        { do: "restartDeadline" },
      );
    }
    case "invalid_code":
      return into(
        state,
        { name: "awaitingCode", peer, pairing, announced: pairing.notice },
        pairFailed(peer.identifier, "invalid_code"),
      );
    case "too_many_attempts":
      return close(state, "rate_limited", [pairFailed(peer.identifier, "too_many_attempts")]);
    case "expired":
      return close(state, "handshake_timeout", [pairFailed(peer.identifier, "expired")]);
    case "not_allowed":
      return close(state, "identifier_not_allowed", [pairFailed(peer.identifier, "identifier_not_allowed")]);
  }
}

function onProofJudged(state: ConnectionState, peer: Peer, verdict: ProofVerdict): Transition {
  const { identifier } = peer;
  switch (verdict.outcome) {
    case "claimed":
      return into(
        state,
        { name: "active", identifier, epoch: verdict.epoch, status: "online" },
        { do: "openSession", epoch: verdict.epoch, authenticatedAt: verdict.now },
        authSuccess(identifier, verdict.now),
      );
    case "refused":
      return verdict.tooMany
        ? close(state, "rate_limited", [authFailed(identifier, "rate_limited")])
        : close(state, "auth_failed", [authFailed(identifier, verdict.reason)]);
    case "stale_timestamp":
    case "future_timestamp":
      return close(state, "auth_failed", [authFailed(identifier, verdict.outcome)]);
    case "nonce_collision":
    case "rate_limited":
      return close(state, "trust_revoked", [
        authFailed(identifier, verdict.outcome),
        rePairRequired(identifier, verdict.outcome),
      ]);
    case "not_allowed":
      return close(state, "identifier_not_allowed", [authFailed(identifier, "unknown_identifier")]);
    case "trust_changed":
      return close(state, "auth_failed", [authFailed(identifier, "not_paired")]);
  }
}

function notAllowed(state: ConnectionState, peer: Peer): Transition {
  const reason: CloseReason = "identifier_not_allowed";
  return close(state, reason, [
    helloAck(peer.identifier, "rejected"),
    errorAnswer("IDENTIFIER_NOT_ALLOWED", "This identifier is not on the allowlist: ask the operator to allow it."),
  ]);
}

function noticeFailed(state: ConnectionState, peer: Peer): Transition {
  return close(state, "auth_failed", [pairFailed(peer.identifier, "admin_notification_failed")]);
}
