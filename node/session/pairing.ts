import type { PairingNews } from "@yonexus/protocol/redis";
import { echo, pairFailed, pairRequest, pairSuccess, rejection } from "./answers.ts";
import type { ConnectionEvent, Effect, Transition } from "./event.ts";
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
  if (opened.outcome === "denied") return pairingDenied(state, peer);
  if (opened.outcome !== "opened" && opened.outcome !== "joined") {
    return close(state, "rate_limited", [pairFailed(peer.identifier, "too_many_attempts")]);
  }
  const early = phase.early?.pairingId === opened.pairingId ? phase.early.result : undefined;
  if (early === "failed") return noticeFailed(state, peer);
  if (early === "void") return pairingVoid(state, peer);
  if (early === "denied") return pairingDenied(state, peer);
  const ttlMs = opened.expiresAt - opened.now;
  const pairing: OpenPairing = {
    pairingId: opened.pairingId,
    expiresAt: opened.expiresAt,
    ttlMs,
    notice: early === "sent" ? early : opened.notice,
  };
  const joined: Transition["effects"] = [{ do: "restartDeadline", pairingMs: ttlMs }];
  if (opened.approved || early === "approved") return after(joined, grant(state, peer, pairing, false));
  if (pairing.notice === "sent") return after(joined, announce(state, peer, pairing));
  return into(state, { name: "awaitingCode", peer, pairing }, ...joined, { do: "waitForNotice" });
}

/** The admin was told, or cannot be; or an operator approved or refused the pairing, or made it void. */
export function onPairingNews(
  state: ConnectionState,
  phase: Handshake,
  event: Extract<ConnectionEvent, { type: "pairingNews" }>,
): Transition {
  if (phase.name === "openingPairing") {
    const { early } = phase;
    const { pairingId } = event;
    const before = early?.pairingId === pairingId ? early.result : undefined;
    return into(state, { ...phase, early: { pairingId, result: weightier(before, event.result) } });
  }
  if (!("pairing" in phase) || phase.pairing.pairingId !== event.pairingId) return stay(state);
  const { peer, pairing } = phase;
  const { result } = event;
  if (phase.name === "granting") {
    return result === "approved" ? stay(state) : into(state, { ...phase, news: weightier(phase.news, result) });
  }
  const isConfirming = phase.name === "confirming";
  switch (result) {
    case "failed":
      return noticeFailed(state, peer);
    case "void":
      return isConfirming ? into(state, { ...phase, news: result }) : pairingVoid(state, peer);
    case "denied":
      return isConfirming ? into(state, { ...phase, news: result }) : pairingDenied(state, peer);
    case "approved":
      return isConfirming
        ? into(state, { ...phase, news: result })
        : grant(state, peer, pairing, phase.announced !== undefined);
    case "sent": {
      const sent: OpenPairing = { ...pairing, notice: "sent" };
      if (isConfirming) return into(state, { ...phase, pairing: sent });
      return phase.announced === "sent" ? stay(state) : announce(state, peer, sent);
    }
  }
}

/** The later one counts; but that the admin was told is no news after a decision. */
function weightier(before: PairingNews | undefined, result: PairingNews): PairingNews {
  return result === "sent" && before !== undefined ? before : result;
}

/** Waits on, after these effects, and goes by what came meanwhile. */
function waitOn(
  state: ConnectionState,
  { peer, pairing, news }: Extract<Phase, { name: "confirming" | "granting" }>,
  said: readonly Effect[],
): Transition {
  const phase = { name: "awaitingCode", peer, pairing, announced: pairing.notice } as const;
  const waiting = into(state, phase);
  if (news === undefined) return after(said, waiting);
  return after(
    said,
    onPairingNews(waiting.state, phase, { type: "pairingNews", pairingId: pairing.pairingId, result: news }),
  );
}

/** Tells the follower of its pairing, and whether the admin knows. */
export function announce(state: ConnectionState, peer: Peer, pairing: OpenPairing): Transition {
  return into(
    state,
    { name: "awaitingCode", peer, pairing, announced: pairing.notice },
    pairRequest(peer.identifier, pairing, pairing.notice),
  );
}

/** Asks for the secret of a pairing that was approved. A follower takes one only after it heard of the pairing. */
function grant(state: ConnectionState, peer: Peer, pairing: OpenPairing, isAnnounced: boolean): Transition {
  const said = isAnnounced ? [] : [pairRequest(peer.identifier, pairing, pairing.notice)];
  const asked: Effect = { do: "grantPairing", peer, pairingId: pairing.pairingId };
  return into(state, { name: "granting", peer, pairing }, ...said, asked);
}

/** What an operator's approval led to. */
export function onPairingGranted(
  state: ConnectionState,
  phase: Extract<Phase, { name: "granting" }>,
  event: Extract<ConnectionEvent, { type: "pairingGranted" }>,
): Transition {
  const { peer } = phase;
  const { granted } = event;
  switch (granted.outcome) {
    case "paired":
      return paired(state, peer, granted.pairedAt, event.grant, { approved: true });
    case "waiting":
      return waitOn(state, phase, []);
    case "expired":
      return pairingVoid(state, peer);
    case "denied":
      return pairingDenied(state, peer);
    case "not_allowed":
      return close(state, "identifier_not_allowed", [pairFailed(peer.identifier, "identifier_not_allowed")]);
  }
}

/** What the code that a human relayed led to. */
export function onPairingConfirmed(
  state: ConnectionState,
  phase: Extract<Phase, { name: "confirming" }>,
  event: Extract<ConnectionEvent, { type: "pairingConfirmed" }>,
): Transition {
  const { peer, requestId } = phase;
  const { confirmed } = event;
  switch (confirmed.outcome) {
    case "paired":
      return paired(state, peer, confirmed.pairedAt, event.grant, echo(requestId));
    case "invalid_code":
      return waitOn(state, phase, [pairFailed(peer.identifier, "invalid_code", requestId)]);
    case "too_many_attempts":
      return close(state, "rate_limited", [pairFailed(peer.identifier, "too_many_attempts", requestId)]);
    case "expired":
      return close(state, "handshake_timeout", [pairFailed(peer.identifier, "expired", requestId)]);
    case "not_allowed":
      return close(state, "identifier_not_allowed", [pairFailed(peer.identifier, "identifier_not_allowed", requestId)]);
    case "denied":
      return pairingDenied(state, peer, requestId);
  }
}

/** The follower is paired: it is given the secret, and proves it next. `approved`: without a code. */
function paired(
  state: ConnectionState,
  peer: Peer,
  pairedAtMs: number,
  made: Extract<ConnectionEvent, { type: "pairingConfirmed" }>["grant"],
  how: { readonly requestId?: string; readonly approved?: true },
): Transition {
  const { requestId, approved } = how;
  if (made === undefined) return close(state, "overloaded", [pairFailed(peer.identifier, "internal_error", requestId)]);
  return into(
    state,
    {
      name: "awaitingProof",
      peer: { ...peer, hasSecret: true, paired: true },
      expected: made.expected,
      ...(approved ? { approved } : {}),
    },
    pairSuccess(peer.identifier, made.secret, pairedAtMs, requestId),
    { do: "restartDeadline" },
  );
}

/** The same, after these effects. */
function after(effects: readonly Effect[], next: Transition): Transition {
  return { ...next, effects: [...effects, ...next.effects] };
}

/** An operator refused the pairing. The follower is not to come back before a person acts: it would only ask again. */
function pairingDenied(state: ConnectionState, peer: Peer, requestId?: string): Transition {
  return close(state, "identifier_not_allowed", [pairFailed(peer.identifier, "rejected_by_admin", requestId)]);
}

/** The trust was cleared, or the identifier taken off the allowlist: the follower may come back for a new pairing. */
function pairingVoid(state: ConnectionState, peer: Peer): Transition {
  return close(state, "handshake_timeout", [pairFailed(peer.identifier, "expired")]);
}

function noticeFailed(state: ConnectionState, peer: Peer): Transition {
  return close(state, "auth_failed", [pairFailed(peer.identifier, "admin_notification_failed")]);
}
