import { pairFailed, pairRequest, pairSuccess, rejection } from "./answers.ts";
import type { ConnectionEvent, Transition } from "./event.ts";
import type { ConnectionState, OpenPairing, Peer, Phase } from "./state.ts";
import { close, into, stay } from "./transition.ts";

type Handshake = Exclude<Phase, { name: "active" | "closed" }>;

/** The pairing is open, or joined, or refused. */
export function onPairingOpened(
  state: ConnectionState,
  phase: Extract<Phase, { name: "openingPairing" }>,
  opened: Extract<ConnectionEvent, { type: "pairingOpened" }>["opened"],
): Transition {
  const { peer } = phase;
  if (opened.outcome === "not_allowed") return close(state, "identifier_not_allowed", rejection(peer, undefined));
  if (opened.outcome !== "opened" && opened.outcome !== "joined") {
    return close(state, "rate_limited", [pairFailed(peer.identifier, "too_many_attempts")]);
  }
  const early = phase.earlyNotice?.pairingId === opened.pairingId ? phase.earlyNotice.result : undefined;
  if (early === "failed") return noticeFailed(state, peer);
  if (early === "void") return pairingVoid(state, peer);
  const ttlMs = opened.expiresAt - opened.now;
  const pairing: OpenPairing = {
    pairingId: opened.pairingId,
    expiresAt: opened.expiresAt,
    ttlMs,
    notice: early ?? opened.notice,
  };
  const joined: Transition["effects"] = [{ do: "restartDeadline", pairingMs: ttlMs }];
  if (pairing.notice === "sent") {
    const next = announce(state, peer, pairing);
    return { ...next, effects: [...joined, ...next.effects] };
  }
  return into(state, { name: "awaitingCode", peer, pairing }, ...joined, { do: "waitForNotice" });
}

/** The admin was told, or cannot be; or an operator made the pairing void. */
export function onNotice(
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
  if (event.result === "void") {
    // The answer to a code that is under way says the same.
    return phase.name === "confirming" ? stay(state) : pairingVoid(state, phase.peer);
  }
  const pairing: OpenPairing = { ...phase.pairing, notice: "sent" };
  if (phase.name === "confirming") return into(state, { ...phase, pairing });
  return phase.announced === "sent" ? stay(state) : announce(state, phase.peer, pairing);
}

/** Tells the follower of its pairing, and whether the admin knows. */
export function announce(state: ConnectionState, peer: Peer, pairing: OpenPairing): Transition {
  return into(
    state,
    { name: "awaitingCode", peer, pairing, announced: pairing.notice },
    pairRequest(peer.identifier, pairing, pairing.notice),
  );
}

/** What the code that a human relayed led to. */
export function onPairingConfirmed(
  state: ConnectionState,
  phase: Extract<Phase, { name: "confirming" }>,
  event: Extract<ConnectionEvent, { type: "pairingConfirmed" }>,
): Transition {
  const { peer, pairing, requestId } = phase;
  const { confirmed, grant } = event;
  switch (confirmed.outcome) {
    case "paired": {
      if (grant === undefined)
        return close(state, "overloaded", [pairFailed(peer.identifier, "internal_error", requestId)]);
      return into(
        state,
        { name: "awaitingProof", peer: { ...peer, hasSecret: true, paired: true }, expected: grant.expected },
        pairSuccess(peer.identifier, grant.secret, confirmed.pairedAt, requestId),
        { do: "restartDeadline" },
      );
    }
    case "invalid_code":
      return into(
        state,
        { name: "awaitingCode", peer, pairing, announced: pairing.notice },
        pairFailed(peer.identifier, "invalid_code", requestId),
      );
    case "too_many_attempts":
      return close(state, "rate_limited", [pairFailed(peer.identifier, "too_many_attempts", requestId)]);
    case "expired":
      return close(state, "handshake_timeout", [pairFailed(peer.identifier, "expired", requestId)]);
    case "not_allowed":
      return close(state, "identifier_not_allowed", [pairFailed(peer.identifier, "identifier_not_allowed", requestId)]);
  }
}

/** The trust was cleared, or the identifier taken off the allowlist: the follower may come back for a new pairing. */
function pairingVoid(state: ConnectionState, peer: Peer): Transition {
  return close(state, "handshake_timeout", [pairFailed(peer.identifier, "expired")]);
}

function noticeFailed(state: ConnectionState, peer: Peer): Transition {
  return close(state, "auth_failed", [pairFailed(peer.identifier, "admin_notification_failed")]);
}
