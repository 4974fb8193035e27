import { CLOSE_CODES, type CloseReason, encodeNodeMessage, parseFollowerFrame } from "@yonexus/protocol/wire";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ConnectionEvent, Effect } from "./event.ts";
import { type ConnectionState, INITIAL_STATE, type Peer, type Phase } from "./state.ts";
import { MAX_VIOLATIONS, transition } from "./transition.ts";

const KEY = { publicKey: "6bBmM3lxIjaETOYz23UH7bbYPc+KtjADd1WxYOYB5rE=", fingerprint: "313c-9dea" };
const TRUST = { trustVersion: "3", trust: { publicKey: KEY.publicKey, sealedSecret: "sealed" } };
const PAIRING = { pairingId: "p1", expiresAt: 1_790_000_300_000, ttlMs: 300_000, notice: "pending" } as const;
const peer = (changes: Partial<Peer> = {}): Peer => ({
  identifier: "alice",
  hasSecret: false,
  paired: false,
  key: KEY,
  ...changes,
});

const PHASES: readonly Phase[] = [
  { name: "awaitingHello" },
  { name: "lookingUp", peer: peer(), requestId: "r" },
  { name: "lookingUp", peer: { identifier: "alice", hasSecret: false, paired: false } },
  { name: "openingPairing", peer: peer() },
  { name: "openingPairing", peer: peer(), early: { pairingId: "p1", result: "failed" } },
  { name: "awaitingCode", peer: peer(), pairing: PAIRING },
  { name: "awaitingCode", peer: peer({ paired: true }), pairing: PAIRING, announced: "sent" },
  { name: "openingPairing", peer: peer(), early: { pairingId: "p1", result: "approved" } },
  { name: "confirming", peer: peer(), pairing: PAIRING, requestId: "r" },
  { name: "confirming", peer: peer(), pairing: PAIRING, news: "approved" },
  { name: "confirming", peer: peer(), pairing: PAIRING, news: "denied" },
  { name: "granting", peer: peer(), pairing: PAIRING },
  { name: "granting", peer: peer(), pairing: PAIRING, news: "void" },
  { name: "awaitingProof", peer: peer({ hasSecret: true, paired: true }), expected: TRUST, approved: true },
  { name: "awaitingProof", peer: peer({ hasSecret: true, paired: true }), expected: TRUST },
  { name: "proving", peer: peer({ hasSecret: true, paired: true }), requestId: "r" },
  { name: "awaitingProof", peer: peer({ hasSecret: true, paired: true, capabilities: ["ack"] }), expected: TRUST },
  { name: "proving", peer: peer({ hasSecret: true, paired: true, capabilities: ["ack"] }) },
  { name: "active", identifier: "alice", epoch: 5, status: "online", acks: false },
  { name: "active", identifier: "alice", epoch: 5, status: "unstable", acks: true },
  { name: "active", identifier: "alice", epoch: 5, status: "online", acks: true, leaving: "draining" },
  { name: "closed", reason: "draining" },
  { name: "closed", reason: "gone" },
];

const builtin = (type: string, payload: object) => `builtin::${JSON.stringify({ type, requestId: "q", payload })}`;
const FRAMES = [
  builtin("hello", {
    identifier: "alice",
    hasSecret: false,
    hasKeyPair: true,
    publicKey: KEY.publicKey,
    protocolVersion: "1",
  }),
  builtin("hello", { identifier: "alice", hasSecret: true, hasKeyPair: true, protocolVersion: "1" }),
  builtin("hello", { identifier: "alice", hasSecret: true, hasKeyPair: true, protocolVersion: "2" }),
  builtin("pair_confirm", { identifier: "alice", pairingCode: "7K3M-9QXV" }),
  builtin("pair_confirm", { identifier: "mallory", pairingCode: "7K3M-9QXV" }),
  builtin("auth_request", { identifier: "alice", nonce: "A".repeat(24), proofTimestamp: 1, signature: "x" }),
  builtin("auth_request", { identifier: "mallory", nonce: "A".repeat(24), proofTimestamp: 1, signature: "x" }),
  builtin("heartbeat", { identifier: "alice", status: "alive" }),
  builtin("heartbeat", { identifier: "mallory", status: "alive" }),
  builtin("hello", {
    identifier: "alice",
    hasSecret: true,
    hasKeyPair: true,
    protocolVersion: "1",
    capabilities: ["ack", "of a later version"],
  }),
  builtin("message", { id: "m-1", rule: "chat", content: "hello" }),
  builtin("message_ack", { id: "m-1" }),
  builtin("message_ack", { id: "m-1", status: "rejected", reason: "no" }),
  builtin("auth_success", { identifier: "alice" }),
  "chat::hello::there",
  "no separator",
  "builtin::{",
].map((text): ConnectionEvent => ({ type: "frame", frame: parseFollowerFrame(text) }));

const CLAIMED: ConnectionEvent = {
  type: "proofJudged",
  verdict: { outcome: "claimed", epoch: 5, now: 1_790_000_000_000, queue: { lastSeq: 3, waiting: 1, gaps: 0 } },
};
const EVENTS: readonly ConnectionEvent[] = [
  ...FRAMES,
  { type: "binaryFrame" },
  { type: "overRate" },
  { type: "lookedUp", lookup: { now: 1, allowed: false, trustVersion: "0" } },
  { type: "lookedUp", lookup: { now: 1, allowed: true, trustVersion: "0" } },
  {
    type: "lookedUp",
    lookup: { now: 1, allowed: true, trustVersion: "0", pairing: { pairingId: "p1", expiresAt: 2, notice: "sent" } },
  },
  { type: "lookedUp", lookup: { now: 1, allowed: true, ...TRUST } },
  ...(["opened", "joined"] as const).flatMap((outcome) =>
    (["pending", "sent"] as const).map(
      (notice): ConnectionEvent => ({
        type: "pairingOpened",
        opened: {
          outcome,
          pairingId: "p1",
          expiresAt: 1_790_000_300_000,
          notice,
          now: 1_790_000_000_000,
          approved: false,
        },
      }),
    ),
  ),
  {
    type: "pairingOpened",
    opened: {
      outcome: "joined",
      pairingId: "p1",
      expiresAt: 1_790_000_300_000,
      notice: "sent",
      now: 1_790_000_000_000,
      approved: true,
    },
  },
  { type: "pairingOpened", opened: { outcome: "not_allowed" } },
  { type: "pairingOpened", opened: { outcome: "denied" } },
  ...(["pending_limit", "address_limit", "identifier_limit"] as const).map(
    (outcome): ConnectionEvent => ({ type: "pairingOpened", opened: { outcome, now: 1_790_000_000_000 } }),
  ),
  ...(["p1", "p2"] as const).flatMap((pairingId) =>
    (["sent", "failed", "void", "approved", "denied"] as const).map(
      (result): ConnectionEvent => ({ type: "pairingNews", pairingId, result }),
    ),
  ),
  { type: "noticeWaitOver" },
  { type: "pairingPoolFull" },
  { type: "pairingTakenOver" },
  {
    type: "pairingConfirmed",
    confirmed: { outcome: "paired", pairedAt: 1_790_000_000_000, trustVersion: "4" },
    grant: { secret: "a secret", expected: TRUST },
  },
  { type: "pairingConfirmed", confirmed: { outcome: "paired", pairedAt: 1_790_000_000_000, trustVersion: "4" } },
  { type: "pairingConfirmed", confirmed: { outcome: "invalid_code", triesLeft: 2 } },
  ...(["too_many_attempts", "expired", "not_allowed", "denied"] as const).map(
    (outcome): ConnectionEvent => ({ type: "pairingConfirmed", confirmed: { outcome } }),
  ),
  {
    type: "pairingGranted",
    granted: { outcome: "paired", pairedAt: 1_790_000_000_000, trustVersion: "4" },
    grant: { secret: "a secret", expected: TRUST },
  },
  { type: "pairingGranted", granted: { outcome: "paired", pairedAt: 1_790_000_000_000, trustVersion: "4" } },
  ...(["waiting", "expired", "not_allowed", "denied"] as const).map(
    (outcome): ConnectionEvent => ({ type: "pairingGranted", granted: { outcome } }),
  ),
  CLAIMED,
  { type: "proofJudged", verdict: { outcome: "refused", reason: "invalid_signature", tooMany: false } },
  { type: "proofJudged", verdict: { outcome: "refused", reason: "invalid_secret", tooMany: true } },
  { type: "proofJudged", verdict: { outcome: "stale_timestamp", now: 1 } },
  { type: "proofJudged", verdict: { outcome: "future_timestamp", now: 1 } },
  ...(["nonce_collision", "rate_limited", "not_allowed", "trust_changed"] as const).map(
    (outcome): ConnectionEvent => ({ type: "proofJudged", verdict: { outcome } }),
  ),
  ...(["alive", "stale", "unrecorded"] as const).map((outcome): ConnectionEvent => ({ type: "beatRecorded", outcome })),
  ...(["appended", "duplicate", "id_conflict", "unknown_rule", "overloaded", "stale", "doubtful"] as const).flatMap(
    (outcome): ConnectionEvent[] => [
      { type: "dispatched", outcome, message: { rule: "chat", content: "" } },
      { type: "dispatched", outcome, message: { rule: "chat", content: "", id: "m-1", requestId: "q" } },
    ],
  ),
  ...(["unknown", "unavailable"] as const).map((outcome): ConnectionEvent => ({ type: "ackJudged", outcome })),
  { type: "settledStale" },
  {
    type: "reasserted",
    reassertion: {
      outcome: "kept",
      now: 1,
      status: "online",
      lastHeartbeatAt: 1,
      queue: { lastSeq: 3, waiting: 0, gaps: 0 },
    },
  },
  ...(["superseded", "not_allowed", "revoked"] as const).map(
    (outcome): ConnectionEvent => ({ type: "reasserted", reassertion: { outcome } }),
  ),
  ...(["heartbeat_timeout", "", "of a later version"] as const).map(
    (reason): ConnectionEvent => ({ type: "reasserted", reassertion: { outcome: "ended", reason } }),
  ),
  ...([4, 5, 6] as const).map((epoch): ConnectionEvent => ({ type: "statusDecided", epoch, status: "unstable" })),
  { type: "unavailable" },
  { type: "internalFault" },
  { type: "deadlinePassed" },
  ...(Object.keys(CLOSE_CODES) as CloseReason[]).flatMap((reason): ConnectionEvent[] => [
    { type: "closeOrdered", reason },
    { type: "closeOrdered", reason, upToEpoch: 4 },
    { type: "closeOrdered", reason, upToEpoch: 5 },
  ]),
  { type: "socketGone" },
];

const anyEvent = fc.constantFrom(...EVENTS);
const anyState = fc.record({
  phase: fc.constantFrom(...PHASES),
  violations: fc.integer({ min: 0, max: MAX_VIOLATIONS - 1 }),
});
/** A guided walk gets further than a blind one: it favours what the phase waits for. */
const anyWalk = fc.array(fc.oneof(anyEvent, fc.constantFrom(...FRAMES, CLAIMED)), { maxLength: 40 });

const closes = (effects: readonly Effect[]) => effects.filter((effect) => effect.do === "close");
const answers = (effects: readonly Effect[]) =>
  effects.flatMap((effect) => (effect.do === "send" ? [effect.message] : []));

function walk(
  events: readonly ConnectionEvent[],
  visit: (before: ConnectionState, event: ConnectionEvent, after: ConnectionState, effects: readonly Effect[]) => void,
): ConnectionState {
  let state = INITIAL_STATE;
  for (const event of events) {
    const next = transition(state, event);
    visit(state, event, next.state, next.effects);
    state = next.state;
  }
  return state;
}

describe("every event in every phase", () => {
  it("is handled: a known phase follows, and what is sent is a message that the protocol has", () => {
    const names = new Set(PHASES.map(({ name }) => name));
    for (const phase of PHASES) {
      for (const event of EVENTS) {
        for (const violations of [0, 1, 2]) {
          const { state, effects } = transition({ phase, violations }, event);
          expect(names).toContain(state.phase.name);
          for (const message of answers(effects)) expect(() => encodeNodeMessage(message)).not.toThrow();
        }
      }
    }
  });

  it("changes neither the state nor the event it was given", () => {
    const freeze = <T>(value: T): T => {
      if (typeof value === "object" && value !== null) {
        for (const part of Object.values(value)) freeze(part);
        Object.freeze(value);
      }
      return value;
    };
    fc.assert(fc.property(anyState, anyEvent, (state, event) => void transition(freeze(state), freeze(event))));
  });

  it("in whatever order, never throws", () => {
    fc.assert(
      fc.property(anyWalk, (events) => void walk(events, () => {})),
      { numRuns: 500 },
    );
  });
});

describe("the end of a connection", () => {
  it("is final: nothing follows but giving up a session whose claim came true too late", () => {
    for (const phase of PHASES.filter(({ name }) => name === "closed")) {
      for (const event of EVENTS) {
        const { state, effects } = transition({ phase, violations: 0 }, event);
        expect(state.phase).toBe(phase);
        expect(effects.map((effect) => effect.do)).toEqual(event === CLAIMED ? ["endSession"] : []);
      }
    }
  });

  it("that is forced has one close effect, after all that is said, and gives the session up once", () => {
    fc.assert(
      fc.property(anyState, anyEvent, (before, event) => {
        if (before.phase.name === "closed") return;
        const { state, effects } = transition(before, event);
        const leaves =
          before.phase.name === "active" &&
          state.phase.name === "active" &&
          before.phase.leaving !== state.phase.leaving;
        const forced = leaves || (state.phase.name === "closed" && state.phase.reason !== "gone");
        expect(closes(effects)).toHaveLength(forced ? 1 : 0);
        if (forced) {
          const order = effects.map((effect) => effect.do);
          expect(order.lastIndexOf("send")).toBeLessThan(order.indexOf("close"));
        }
        const ended = effects.filter((effect) => effect.do === "endSession");
        const wasActive = before.phase.name === "active" && state.phase.name === "closed";
        expect(ended).toHaveLength(wasActive ? 1 : 0);
      }),
      { numRuns: 1_000 },
    );
  });

  it("names the follower as soon as it has said who it is, so that it gets its disconnect_notice", () => {
    for (const phase of PHASES) {
      if (phase.name === "closed" || (phase.name === "active" && phase.leaving !== undefined)) continue;
      const { effects } = transition({ phase, violations: 0 }, { type: "closeOrdered", reason: "draining" });
      const expected = phase.name === "awaitingHello" ? {} : { identifier: "alice" };
      expect(closes(effects)).toEqual([{ do: "close", reason: "draining", ...expected }]);
    }
  });

  it("by a drain lets a session go on until its socket is gone, and tells Redis why it ended", () => {
    const phase = { name: "active", identifier: "alice", epoch: 5, status: "online", acks: false } as const;
    const leaving = transition({ phase, violations: 0 }, { type: "closeOrdered", reason: "draining" });
    expect(leaving.effects.map((effect) => effect.do)).toEqual(["close"]);
    const [late] = FRAMES.slice(-3);
    const handedOn = late === undefined ? undefined : transition(leaving.state, late);
    const message = { rule: "chat", content: "hello::there" };
    expect(handedOn?.effects).toEqual([{ do: "dispatch", epoch: 5, message }]);
    expect(transition(leaving.state, { type: "socketGone" }).effects).toEqual([
      { do: "endSession", epoch: 5, reason: "draining" },
    ]);
  });

  it("ordered for an older epoch than the session's, or for one before there is a session, is not its end", () => {
    for (const phase of PHASES) {
      const { state, effects } = transition(
        { phase, violations: 0 },
        { type: "closeOrdered", reason: "session_replaced", upToEpoch: 4 },
      );
      expect(state.phase).toBe(phase);
      expect(effects).toEqual([]);
    }
  });
});

describe("a session", () => {
  it("opens by a claimed proof and by nothing else", () => {
    fc.assert(
      fc.property(anyState, anyEvent, (before, event) => {
        const { state, effects } = transition(before, event);
        if (before.phase.name === "active" || state.phase.name !== "active") return;
        expect(before.phase.name).toBe("proving");
        expect(event).toBe(CLAIMED);
        expect(effects.map((effect) => effect.do)).toEqual(["openSession", "send"]);
      }),
      { numRuns: 1_000 },
    );
  });

  it("is never opened twice on one connection", () => {
    fc.assert(
      fc.property(anyWalk, (events) => {
        let opened = 0;
        walk(events, (_before, _event, _after, effects) => {
          opened += effects.filter((effect) => effect.do === "openSession").length;
        });
        expect(opened).toBeLessThanOrEqual(1);
      }),
      { numRuns: 1_000 },
    );
  });

  it("takes nothing from a stranger: before it is open no message is dispatched and no heartbeat recorded", () => {
    fc.assert(
      fc.property(anyState, anyEvent, (before, event) => {
        if (before.phase.name === "active") return;
        const asked = transition(before, event).effects.map((effect) => effect.do);
        expect(asked).not.toContain("dispatch");
        expect(asked).not.toContain("recordBeat");
        expect(asked).not.toContain("settle");
      }),
    );
  });
});

describe("violations", () => {
  const isViolation = (before: ConnectionState, after: ConnectionState) => after.violations > before.violations;

  it("are answered with an error each, and the third one closes with protocol_violation: no earlier, no later", () => {
    fc.assert(
      fc.property(anyWalk, (events) => {
        const end = walk(events, (before, _event, after, effects) => {
          if (!isViolation(before, after)) return;
          expect(after.violations).toBe(before.violations + 1);
          expect(answers(effects).filter(({ type }) => type === "error")).toHaveLength(1);
          const closed = after.phase.name === "closed" && after.phase.reason === "protocol_violation";
          expect(closed).toBe(after.violations === MAX_VIOLATIONS);
        });
        expect(end.violations).toBeLessThanOrEqual(MAX_VIOLATIONS);
      }),
      { numRuns: 500 },
    );
  });

  it("change nothing else: below the third the phase stays, and Redis is asked for nothing", () => {
    fc.assert(
      fc.property(anyState, fc.constantFrom(...FRAMES, { type: "binaryFrame" } as const), (before, event) => {
        const { state, effects } = transition(before, event);
        if (!isViolation(before, state) || state.phase.name === "closed") return;
        expect(state.phase).toBe(before.phase);
        expect(effects.map((effect) => effect.do)).toEqual(["send"]);
      }),
      { numRuns: 500 },
    );
  });

  it("are answered to the request that they answer, when its id could be read", () => {
    const event: ConnectionEvent = {
      type: "frame",
      frame: parseFollowerFrame('builtin::{"type":"hullo","requestId":"q"}'),
    };
    expect(answers(transition(INITIAL_STATE, event).effects)).toMatchObject([
      { type: "error", requestId: "q", payload: { code: "MALFORMED_MESSAGE" } },
    ]);
  });
});
