import { byLabel, type Counts, type MetricSet } from "@yonexus/protocol/metrics";
import { AUTH_FAILED_REASONS } from "@yonexus/protocol/wire";
import type { AsyncEffect } from "../session/connectionPorts.ts";
import type { ConnectionEvent, ProofVerdict } from "../session/event.ts";

const HANDSHAKE_RESULTS = [
  "authenticated",
  ...AUTH_FAILED_REASONS,
  "not_allowed",
  "trust_changed",
  "takeover_conflict",
  /** Redis did not answer. */
  "unavailable",
  /** The socket ended without a session, whatever came before. */
  "ended",
] as const;
type HandshakeResult = (typeof HANDSHAKE_RESULTS)[number];

type Opened = Extract<ConnectionEvent, { type: "pairingOpened" }>["opened"]["outcome"];
type Confirmed = Extract<ConnectionEvent, { type: "pairingConfirmed" }>["confirmed"]["outcome"];
type Granted = Extract<ConnectionEvent, { type: "pairingGranted" }>["granted"]["outcome"];

const PAIRING_RESULTS = {
  open: [
    "opened",
    "joined",
    "pending_limit",
    "address_limit",
    "identifier_limit",
    "not_allowed",
    "denied",
    "no_place",
  ] satisfies (Opened | "no_place")[],
  code: ["paired", "invalid_code", "too_many_attempts", "expired", "not_allowed", "denied"] satisfies Confirmed[],
  approval: ["paired", "waiting", "expired", "denied", "not_allowed"] satisfies Granted[],
} as const;

type PairingSeries = `open ${Opened | "no_place"}` | `code ${Confirmed}` | `approval ${Granted}`;

/** How followers get in, or do not. */
export class HandshakeMetrics {
  readonly #handshakes: Counts<HandshakeResult>;
  readonly #pairings: Counts<PairingSeries>;

  constructor(set: MetricSet) {
    this.#handshakes = set.counter(
      {
        name: "yonexus_handshakes_total",
        help: "Steps of handshakes that decided something, and sockets that ended before they had a session.",
      },
      byLabel("result", HANDSHAKE_RESULTS),
    );
    const pairings = Object.entries(PAIRING_RESULTS).flatMap(([step, results]) =>
      results.map((result) => [`${step} ${result}`, { step, result }] as const),
    );
    this.#pairings = set.counter(
      {
        name: "yonexus_pairings_total",
        help: "Steps of pairings: opening one, a code that was typed, an operator's approval.",
      },
      Object.fromEntries(pairings) as Record<PairingSeries, { step: string; result: string }>,
    );
  }

  performed(effect: AsyncEffect, event: ConnectionEvent): void {
    switch (event.type) {
      case "lookedUp":
        if (!event.lookup.allowed) this.#handshakes.add("not_allowed");
        return;
      case "proofJudged":
        this.#handshakes.add(resultOf(event.verdict));
        return;
      case "pairingOpened":
        this.#pairings.add(`open ${event.opened.outcome}`);
        return;
      case "pairingPoolFull":
        this.#pairings.add("open no_place");
        return;
      case "pairingConfirmed":
        this.#pairings.add(`code ${event.confirmed.outcome}`);
        return;
      case "pairingGranted":
        this.#pairings.add(`approval ${event.granted.outcome}`);
        return;
      case "unavailable":
        if (effect.do !== "reassert") this.#handshakes.add("unavailable");
        return;
      default:
    }
  }

  /** A socket ended that never had a session. */
  ended(): void {
    this.#handshakes.add("ended");
  }
}

function resultOf(verdict: ProofVerdict): HandshakeResult {
  if (verdict.outcome === "refused") return verdict.reason;
  return verdict.outcome === "claimed" ? "authenticated" : verdict.outcome;
}
