import fc from "fast-check";
import { expect, test } from "vitest";
import {
  AUTH_FAILED_REASONS,
  FOLLOWER_STATUSES,
  NEXT_ACTIONS,
  type NodeMessage,
  PAIR_FAILED_REASONS,
  parseNodeFrame,
  RE_PAIR_REASONS,
} from "../wire/index.ts";
import type { FollowerState } from "./followerState.ts";
import { transition } from "./transition.ts";
import type { Effect, FollowerPolicy, Input } from "./transitionTypes.ts";

const now = 1_790_000_000_000;
const policy: FollowerPolicy = {
  identifier: "edge",
  capabilities: ["ack"],
  reconnect: { minMs: 500, maxMs: 30_000 },
  heartbeatIntervalMs: 300_000,
  handshakeTimeoutMs: 15_000,
  stableAfterMs: 10_000,
};

const identifier = fc.constantFrom("edge", "edge", "edge", "other");
const seconds = fc.integer({ min: 0, max: 8_640_000_000_000 });
const millis = fc.integer({ min: 0, max: 2 * now });
const closeReason = fc.constantFrom("session_replaced", "draining", "trust_revoked", "something new", "");

const anyMessage: fc.Arbitrary<NodeMessage> = fc
  .tuple(identifier, seconds, fc.option(seconds, { nil: undefined }))
  .chain(([name, at, stamp]) => {
    const of = <const Type extends string, Payload extends object>(type: Type, payload: fc.Arbitrary<Payload>) =>
      payload.map((fields) => ({
        type,
        ...(stamp === undefined ? {} : { timestamp: stamp }),
        payload: { identifier: name, ...fields },
      }));
    return fc.oneof(
      of("hello_ack", fc.record({ nextAction: fc.constantFrom(...NEXT_ACTIONS) })),
      of(
        "pair_request",
        fc.record({
          expiresAt: seconds,
          ttlSeconds: fc.nat(600),
          adminNotification: fc.constantFrom("sent" as const, "failed" as const, "pending" as const),
          codeDelivery: fc.constant("out_of_band" as const),
        }),
      ),
      of("pair_success", fc.record({ secret: fc.constant("MARKER-secret"), pairedAt: seconds })),
      of("pair_failed", fc.record({ reason: fc.constantFrom(...PAIR_FAILED_REASONS) })),
      of("auth_success", fc.record({ authenticatedAt: fc.constant(at), status: fc.constant("online" as const) })),
      of("auth_failed", fc.record({ reason: fc.constantFrom(...AUTH_FAILED_REASONS) })),
      of("re_pair_required", fc.record({ reason: fc.constantFrom(...RE_PAIR_REASONS) })),
      of("heartbeat_ack", fc.record({ status: fc.constantFrom(...FOLLOWER_STATUSES) })),
      of("status_update", fc.record({ status: fc.constantFrom(...FOLLOWER_STATUSES), reason: fc.constant("late") })),
      of("disconnect_notice", fc.record({ reason: closeReason })),
      fc.constantFrom<NodeMessage>(
        { type: "message", payload: { id: "m1", seq: 1, rule: "chat", content: "MARKER-content" } },
        { type: "message_ack", payload: { id: "m1", status: "accepted" } },
        { type: "gap", payload: { fromSeq: 1, toSeq: 2, reason: "expired" } },
        { type: "error", payload: { code: "RATE_LIMITED", message: "Slower." } },
      ),
      of("error", fc.record({ code: fc.constant("OVERLOADED" as const), message: fc.constant("Later.") })),
    );
  });

const anyInput: fc.Arbitrary<Input> = fc.oneof(
  fc.constantFrom<Input>(
    { type: "connect" },
    { type: "close" },
    { type: "pair", code: "MARKER-code" },
    { type: "opened", paired: true },
    { type: "opened", paired: false },
    { type: "open_failed", reason: "no" },
    { type: "link_opened" },
    { type: "link_failed", reason: "silent" },
    { type: "secret_saved" },
    { type: "save_failed", reason: "ENOSPC" },
    { type: "timer", timer: "handshake" },
    { type: "timer", timer: "heartbeat" },
    { type: "timer", timer: "reconnect" },
    { type: "frame", frame: { kind: "malformed", reason: "no" } },
    { type: "frame", frame: { kind: "application", rule: "chat", content: "MARKER-content" } },
  ),
  anyMessage.map((message): Input => ({ type: "frame", frame: { kind: "builtin", message } })),
  fc
    .tuple(fc.oneof(fc.constantFrom(1000, 1005, 1006), fc.integer({ min: 3999, max: 5000 })), closeReason)
    .map(([code, reason]): Input => ({ type: "link_ended", end: { code, reason } })),
);

const common = {
  attempt: fc.nat(2_000),
  paired: fc.boolean(),
  proofClock: fc.constantFrom("mended" as const, "node" as const),
  acks: fc.boolean(),
};
const pairing = fc.constant({ expiresAt: now / 1000, expiresAtMs: now, adminNotification: "sent" as const });
const anyState: fc.Arbitrary<FollowerState> = fc.oneof(
  fc.constantFrom<FollowerState>(
    { phase: "idle" },
    { phase: "opening" },
    { phase: "stopped", code: "session_replaced", reason: "", whatToDo: "" },
    { phase: "closed" },
  ),
  fc.record({ phase: fc.constant("connecting" as const), ...common }),
  fc.record({ phase: fc.constant("greeting" as const), sentAt: millis, ...common }),
  fc.record({ phase: fc.constant("pairing_asked" as const), clockOffsetMs: fc.integer(), ...common }),
  fc.record({ phase: fc.constant("pairing" as const), clockOffsetMs: fc.integer(), pairing, ...common }),
  fc.record({
    phase: fc.constant("confirming" as const),
    clockOffsetMs: fc.integer(),
    pairing,
    sentAt: millis,
    ...common,
  }),
  fc.record({ phase: fc.constant("saving" as const), clockOffsetMs: fc.integer(), ...common }),
  fc.record({ phase: fc.constant("authenticating" as const), ...common }),
  fc.record({
    phase: fc.constant("authenticated" as const),
    status: fc.constantFrom(...FOLLOWER_STATUSES),
    since: millis,
    ...common,
  }),
  fc.record({ phase: fc.constant("ending" as const), ...common }),
  fc.record({ phase: fc.constant("waiting" as const), retryAt: millis, ...common }),
);

const step = (state: FollowerState, input: Input) => transition(policy, state, input, { now, random: 0.5 });
const types = (effects: readonly Effect[]) => effects.map((effect) => effect.type);

test("no input in any state makes the transition throw or leave the table of states", () => {
  fc.assert(
    fc.property(
      anyState,
      anyInput,
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (state, input, r) => {
        const { state: next } = transition(policy, state, input, { now, random: r });
        expect(next.phase).toMatch(/^[a-z_]+$/);
      },
    ),
    { numRuns: 2_000 },
  );
});

test("once stopped, nothing but a call of connect begins anything again", () => {
  fc.assert(
    fc.property(fc.array(anyInput, { maxLength: 30 }), (inputs) => {
      let state: FollowerState = { phase: "stopped", code: "session_replaced", reason: "", whatToDo: "" };
      for (const input of inputs.filter(({ type }) => type !== "connect")) {
        const { state: next, effects } = step(state, input);
        expect(["stopped", "closed"]).toContain(next.phase);
        for (const beginning of ["open_link", "open_state", "set_timer"])
          expect(types(effects)).not.toContain(beginning);
        state = next;
      }
    }),
  );
});

test("nothing leaves the closed state", () => {
  fc.assert(
    fc.property(anyInput, (input) => {
      const { state, effects } = step({ phase: "closed" }, input);
      expect(state).toEqual({ phase: "closed" });
      expect(types(effects).filter((type) => type !== "answer_pair")).toEqual([]);
    }),
  );
});

test("whatever happens, the state shows neither a secret nor a code", () => {
  fc.assert(
    fc.property(anyState, fc.array(anyInput, { maxLength: 10 }), (first, inputs) => {
      let state = first;
      for (const input of inputs) state = step(state, input).state;
      expect(JSON.stringify(state)).not.toMatch(/MARKER/);
    }),
  );
});

test("every message of the vectors is taken in every state", async () => {
  const { default: vectors } = await import("../vectors/frames.good.json", { with: { type: "json" } });
  const frames = vectors.filter(({ direction }) => direction === "node").map(({ frame }) => parseNodeFrame(frame));
  fc.assert(
    fc.property(anyState, fc.constantFrom(...frames), (state, frame) => {
      expect(() => step(state, { type: "frame", frame })).not.toThrow();
    }),
  );
});

test("no more than one answer is given to whoever waits for a pairing, and the first one tells most", () => {
  fc.assert(
    fc.property(anyState, fc.constantFrom(...PAIR_FAILED_REASONS), (state, reason) => {
      const message: NodeMessage = { type: "pair_failed", payload: { identifier: "edge", reason } };
      const { effects } = step(state, { type: "frame", frame: { kind: "builtin", message } });
      const answers = effects.filter((effect) => effect.type === "answer_pair");
      if (answers.length > 0) expect(answers[0]).toEqual({ type: "answer_pair", error: reason });
    }),
  );
});

test("what needs acks is taken in a session with them and nowhere else", () => {
  fc.assert(
    fc.property(anyState, anyInput, (state, input) => {
      const { effects } = step(state, input);
      const taken = types(effects).filter((type) => ["receive", "take_answer", "slow_down"].includes(type));
      if (taken.length > 0) expect(state).toMatchObject({ phase: "authenticated", acks: true });
    }),
    { numRuns: 1_000 },
  );
});

test("while there is a next attempt, exactly one timer or socket leads to it", () => {
  fc.assert(
    fc.property(anyState, anyInput, (state, input) => {
      const { state: next, effects } = step(state, input);
      if (next.phase !== "waiting" || state.phase === "waiting") return;
      expect(effects.filter((effect) => effect.type === "set_timer")).toEqual([
        { type: "set_timer", timer: "reconnect", ms: next.retryAt - now },
      ]);
    }),
  );
});
