import { parseFollowerFrame } from "@yonexus/protocol/wire";
import { describe, expect, it } from "vitest";
import type { ConnectionEvent } from "./event.ts";
import type { ConnectionState, Phase } from "./state.ts";
import { transition } from "./transition.ts";

const session = (changes: Partial<Extract<Phase, { name: "active" }>> = {}): ConnectionState => ({
  phase: { name: "active", identifier: "alice", epoch: 5, status: "online", acks: false, ...changes },
  violations: 0,
});
const frame = (text: string): ConnectionEvent => ({ type: "frame", frame: parseFollowerFrame(text) });

describe("a session", () => {
  it("records a heartbeat under its epoch, and answers its request with the status that holds then", () => {
    const beat = frame(
      'builtin::{"type":"heartbeat","requestId":"q","payload":{"identifier":"alice","status":"alive"}}',
    );
    expect(transition(session(), beat).effects).toEqual([{ do: "recordBeat", epoch: 5, requestId: "q" }]);
    const { state, effects } = transition(session({ status: "unstable" }), {
      type: "beatRecorded",
      outcome: "alive",
      requestId: "q",
    });
    expect(state.phase).toMatchObject({ status: "online" });
    expect(effects).toMatchObject([
      { message: { type: "heartbeat_ack", requestId: "q", payload: { status: "online" } } },
    ]);
  });

  it("acks a heartbeat that Redis could not take with the status it had, and asks Redis who owns it after a stale one", () => {
    const unrecorded = transition(session({ status: "unstable" }), { type: "beatRecorded", outcome: "unrecorded" });
    expect(unrecorded.effects).toMatchObject([{ message: { payload: { status: "unstable" } } }]);
    expect(transition(session(), { type: "beatRecorded", outcome: "stale" }).effects).toEqual([{ do: "reassert" }]);
  });

  it("dispatches a message whole, whatever its content holds", () => {
    expect(transition(session(), frame("chat::a::b::")).effects).toEqual([
      { do: "dispatch", epoch: 5, message: { rule: "chat", content: "a::b::" } },
    ]);
    expect(transition(session(), frame("chat::")).effects).toMatchObject([{ message: { content: "" } }]);
  });

  it.each([
    ["unknown_rule", "UNKNOWN_RULE", []],
    ["overloaded", "OVERLOADED", []],
    ["stale", "OVERLOADED", ["reassert"]],
  ] as const)("answers a message that was %s with %s", (outcome, code, more) => {
    const { effects } = transition(session(), { type: "dispatched", outcome, message: { rule: "chat", content: "" } });
    expect(effects).toMatchObject([
      { message: { type: "error", payload: { code, details: { rule: "chat" } } } },
      ...more.map((step) => ({ do: step })),
    ]);
  });

  it("does not answer a message that was accepted", () => {
    const event = { type: "dispatched", outcome: "appended", message: { rule: "chat", content: "" } } as const;
    expect(transition(session(), event).effects).toEqual([]);
  });

  it("tells a change of status once, and only one of its own epoch", () => {
    const decided = (epoch: number): ConnectionEvent => ({ type: "statusDecided", epoch, status: "unstable" });
    expect(transition(session(), decided(4)).effects).toEqual([]);
    expect(transition(session(), decided(6)).effects).toEqual([]);
    const { state, effects } = transition(session(), decided(5));
    expect(effects).toMatchObject([{ message: { type: "status_update", payload: { status: "unstable" } } }]);
    expect(transition(state, decided(5)).effects).toEqual([]);
  });

  it.each([
    [{ outcome: "superseded" }, "session_replaced", []],
    [{ outcome: "not_allowed" }, "identifier_not_allowed", []],
    [{ outcome: "revoked" }, "trust_revoked", ["re_pair_required"]],
    [{ outcome: "ended", reason: "heartbeat_timeout" }, "heartbeat_timeout", []],
    [{ outcome: "ended", reason: "a reason of a later version" }, "overloaded", []],
  ] as const)("that Redis says is %j is closed with %s", (reassertion, reason, said) => {
    const { state, effects } = transition(session(), { type: "reasserted", reassertion });
    expect(state.phase).toEqual({ name: "closed", reason });
    expect(effects.flatMap((effect) => (effect.do === "send" ? [effect.message.type] : []))).toEqual(said);
    expect(effects.at(-1)).toEqual({ do: "endSession", epoch: 5, reason });
  });

  it("tells a follower whose trust was revoked that it must be paired again", () => {
    const { effects } = transition(session(), { type: "closeOrdered", reason: "trust_revoked", upToEpoch: 5 });
    expect(effects).toMatchObject([
      { message: { type: "re_pair_required", payload: { reason: "trust_revoked" } } },
      { do: "close", reason: "trust_revoked", identifier: "alice" },
      { do: "endSession" },
    ]);
  });

  it("that Redis confirms looks at its queue again", () => {
    const queue = { lastSeq: 7, waiting: 1, gaps: 0 };
    const { effects } = transition(session(), {
      type: "reasserted",
      reassertion: { outcome: "kept", now: 1, status: "online", lastHeartbeatAt: 1, queue },
    });
    expect(effects).toEqual([{ do: "resumeQueue", queue }]);
  });

  it("stays when Redis is away: the message is answered OVERLOADED", () => {
    const { state, effects } = transition(session(), { type: "unavailable" });
    expect(state.phase.name).toBe("active");
    expect(effects).toMatchObject([{ message: { payload: { code: "OVERLOADED" } } }]);
  });
});

describe("a session with acks", () => {
  const acking = () => session({ acks: true });
  const builtin = (type: string, payload: object) =>
    frame(`builtin::${JSON.stringify({ type, requestId: "q", payload })}`);
  const message = { rule: "chat", content: "a::b", id: "m-1", requestId: "q" };

  it("dispatches a message with its id", () => {
    const sent = builtin("message", { id: "m-1", rule: "chat", content: "a::b" });
    expect(transition(acking(), sent).effects).toEqual([{ do: "dispatch", epoch: 5, message }]);
  });

  it.each([
    ["appended", { status: "accepted" }],
    ["duplicate", { status: "duplicate" }],
    ["id_conflict", { status: "rejected", reason: "id_conflict" }],
    ["unknown_rule", { status: "rejected", reason: "unknown_rule" }],
    ["overloaded", { status: "rejected", reason: "overloaded" }],
    ["doubtful", { status: "rejected", reason: "overloaded" }],
    ["stale", { status: "rejected", reason: "overloaded" }],
  ] as const)("answers a message that was %s with %j, to its request", (outcome, answer) => {
    const { effects } = transition(acking(), { type: "dispatched", outcome, message });
    expect(effects[0]).toEqual({
      do: "send",
      message: { type: "message_ack", requestId: "q", payload: { id: "m-1", ...answer } },
    });
    expect(effects.slice(1)).toEqual(outcome === "stale" ? [{ do: "reassert" }] : []);
  });

  it.each([
    [{ id: "m-1" }, {}],
    [{ id: "m-1", status: "accepted", reason: "fine" }, {}],
    [{ id: "m-1", status: "rejected", reason: "no" }, { rejection: "no" }],
    [{ id: "m-1", status: "rejected" }, { rejection: "" }],
  ])("settles what the follower acks: %j", (payload, settled) => {
    expect(transition(acking(), builtin("message_ack", payload)).effects).toEqual([
      { do: "settle", messageId: "m-1", requestId: "q", ...settled },
    ]);
  });

  it("tells of an ack for a message that was never queued for the follower, and of one that Redis did not take", () => {
    const codes = (["unknown", "unavailable"] as const).map(
      (outcome) => transition(acking(), { type: "ackJudged", outcome, requestId: "q" }).effects,
    );
    expect(codes).toMatchObject([
      [{ message: { type: "error", requestId: "q", payload: { code: "UNKNOWN_MESSAGE" } } }],
      [{ message: { type: "error", requestId: "q", payload: { code: "OVERLOADED" } } }],
    ]);
  });

  it("asks who owns it when Redis settles nothing for it", () => {
    expect(transition(acking(), { type: "settledStale" }).effects).toEqual([{ do: "reassert" }]);
  });

  it.each([
    ["message", { id: "m-1", rule: "chat", content: "" }],
    ["message_ack", { id: "m-1" }],
  ])("is the only one that may send a %s: without acks it is a violation, and goes nowhere", (type, payload) => {
    const { state, effects } = transition(session(), builtin(type, payload));
    expect(state.violations).toBe(1);
    expect(effects).toMatchObject([
      { message: { type: "error", requestId: "q", payload: { code: "MALFORMED_MESSAGE" } } },
    ]);
  });
});
