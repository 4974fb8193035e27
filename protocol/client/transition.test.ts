import { expect, test } from "vitest";
import { CLOSE_CODES, closeCode, type NodeMessage } from "../wire/index.ts";
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
const tried = { attempt: 2, paired: true, proofClock: "mended", acks: false } as const;

const step = (state: FollowerState, input: Input, at = now, random = 0.5) =>
  transition(policy, state, input, { now: at, random });
const heard = (message: NodeMessage): Input => ({ type: "frame", frame: { kind: "builtin", message } });
const ended = (code: number, reason = ""): Input => ({ type: "link_ended", end: { code, reason } });
const types = (effects: readonly Effect[]) => effects.map((effect) => effect.type);

test.each(Object.entries(CLOSE_CODES))("a session closed with %s obeys the range of its code", (reason, { code }) => {
  const { state } = step({ phase: "authenticated", status: "online", since: now, ...tried }, ended(code));
  if (code < 4500) expect(state).toMatchObject({ phase: "waiting", attempt: 3 });
  else expect(state).toMatchObject({ phase: "stopped", code: reason, whatToDo: expect.stringMatching(/\.$/) });
});

test("codes that nobody has defined yet are obeyed by their range", () => {
  const session = { phase: "authenticated", status: "online", since: now, ...tried } as const;
  expect(step(session, ended(4499)).state.phase).toBe("waiting");
  expect(step(session, ended(4999)).state).toMatchObject({ phase: "stopped", code: "node_refused" });
  for (const code of [1000, 1001, 1005, 1006, 1011, 1012]) {
    expect(step(session, ended(code)).state.phase).toBe("waiting");
  }
});

test("a notice stands for the close frame that was lost after it", () => {
  const told = step(
    { phase: "authenticated", status: "online", since: now, ...tried },
    heard({ type: "disconnect_notice", payload: { identifier: "edge", reason: "session_replaced" } }),
  ).state;
  expect(step(told, ended(1006)).state).toMatchObject({ phase: "stopped", code: "session_replaced" });
  expect(step(told, ended(closeCode("draining"))).state.phase).toBe("waiting");
});

test("the waits grow until a session has lasted", () => {
  const short = step({ phase: "authenticated", status: "online", since: now - 9_999, ...tried }, ended(1006), now, 1);
  expect(short.state).toMatchObject({ phase: "waiting", attempt: 3, retryAt: now + 2_000 });
  const long = step({ phase: "authenticated", status: "online", since: now - 10_000, ...tried }, ended(1006), now, 1);
  expect(long.state).toMatchObject({ phase: "waiting", attempt: 1, retryAt: now + 500 });
});

test("a cleared trust drops the secret at once, and stops whatever code the node closes with", () => {
  for (const reason of ["trust_revoked", "nonce_collision", "rate_limited"] as const) {
    const told = step(
      { phase: "authenticating", ...tried },
      heard({ type: "re_pair_required", payload: { identifier: "edge", reason } }),
    );
    expect(types(told.effects)).toContain("forget_secret");
    for (const code of [4003, 4510, 1006]) {
      const stopped = step(told.state, ended(code));
      expect(stopped.state).toMatchObject({ phase: "stopped", code: "trust_revoked" });
    }
  }
});

test("a revoked trust drops the secret also when only the close code says so", () => {
  const { effects } = step({ phase: "authenticated", status: "online", since: now, ...tried }, ended(4510));
  expect(types(effects)).toContain("forget_secret");
  expect(types(effects).indexOf("forget_secret")).toBeLessThan(types(effects).indexOf("stop"));
});

test("a message that names another follower changes nothing", () => {
  const state = { phase: "authenticating", ...tried } as const;
  const other = heard({ type: "re_pair_required", payload: { identifier: "other", reason: "trust_revoked" } });
  expect(step(state, other)).toEqual({ state, effects: [] });
});

test("a proof refused for its time is made by the node's clock at the next try", () => {
  const refused = heard({ type: "auth_failed", payload: { identifier: "edge", reason: "stale_timestamp" } });
  const waiting = step(step({ phase: "authenticating", ...tried }, refused).state, ended(4003)).state;
  const greeting = step(step(waiting, { type: "timer", timer: "reconnect" }).state, { type: "link_opened" }).state;
  // The node's time fits the slow answer, so that without the refusal the own clock would stand.
  const ack: NodeMessage = {
    type: "hello_ack",
    timestamp: now / 1000,
    payload: { identifier: "edge", nextAction: "auth_required" },
  };
  const { effects } = step(greeting, heard(ack), now + 9_000);
  expect(effects).toContainEqual({ type: "send_auth_request", timestamp: now / 1000 });
});

test.each([
  [["ack"], ["ack"], true],
  [["ack"], [], false],
  [["ack"], undefined, false],
  [[], ["ack"], false],
  [["ack"], ["later", "ack"], true],
] as const)("a follower that asked for %j and is granted %j has acks: %s", (capabilities, granted, acks) => {
  const asking = { ...policy, capabilities };
  const hello = heard({
    type: "hello_ack",
    payload: {
      identifier: "edge",
      nextAction: "auth_required",
      ...(granted === undefined ? {} : { capabilities: [...granted] }),
    },
  });
  const success = heard({
    type: "auth_success",
    payload: { identifier: "edge", authenticatedAt: 1, status: "online" },
  });
  const moment = { now, random: 0.5 };
  const { state } = transition(asking, { phase: "greeting", ...tried, sentAt: now }, hello, moment);
  expect(transition(asking, state, success, moment).state).toMatchObject({ phase: "authenticated", acks });
});

test("a follower that is paired first has the acks that its hello was granted", () => {
  const at = { phase: "greeting", ...tried, paired: false, sentAt: now } as const;
  const of = (message: NodeMessage) => heard(message);
  const inputs: Input[] = [
    of({
      type: "hello_ack",
      payload: { identifier: "edge", nextAction: "pair_required", capabilities: ["ack"] },
    }),
    of({
      type: "pair_request",
      payload: {
        identifier: "edge",
        expiresAt: now / 1000 + 300,
        ttlSeconds: 300,
        adminNotification: "sent",
        codeDelivery: "out_of_band",
      },
    }),
    { type: "pair", code: "wrong" },
    of({ type: "pair_failed", payload: { identifier: "edge", reason: "invalid_code" } }),
    { type: "pair", code: "right" },
    of({ type: "pair_success", payload: { identifier: "edge", secret: "MARKER", pairedAt: 1 } }),
    { type: "secret_saved" },
    of({ type: "auth_success", payload: { identifier: "edge", authenticatedAt: 1, status: "online" } }),
  ];
  const last = inputs.reduce<FollowerState>((state, input) => step(state, input).state, at);
  expect(last).toMatchObject({ phase: "authenticated", acks: true });
  // The grant was for that connection: the next one may go to another node.
  const waiting = step(last, ended(1006)).state;
  expect(step(step(waiting, { type: "timer", timer: "reconnect" }).state, { type: "link_opened" }).state).toMatchObject(
    {
      phase: "greeting",
      acks: false,
    },
  );
});

test("the old secret is dropped before a code is sent, so that a lost answer can be made good", () => {
  const pairing = { expiresAt: now / 1000 + 300, expiresAtMs: now + 300_000, adminNotification: "sent" } as const;
  const { effects } = step({ phase: "pairing", clockOffsetMs: 0, pairing, ...tried }, { type: "pair", code: "MARKER" });
  expect(types(effects)).toEqual(["set_timer", "forget_secret", "send_pair_confirm"]);
});

test("a secret that came before the link ended is kept, and the next connection authenticates", () => {
  const saving = { phase: "saving", clockOffsetMs: 0, ...tried, paired: false } as const;
  const lost = step(saving, ended(1006));
  expect(lost.state.phase).toBe("saving");
  const saved = step(lost.state, { type: "secret_saved" });
  expect(saved.effects[0]).toEqual({ type: "answer_pair" });
  expect(saved.state).toMatchObject({ phase: "waiting", paired: true });
});

test.each([
  ["rejected_by_admin", "pairing_rejected"],
  ["identifier_not_allowed", "identifier_not_allowed"],
] as const)("a pairing that failed with %s is not asked for again", (reason, code) => {
  const asked = { phase: "pairing_asked", clockOffsetMs: 0, ...tried } as const;
  const failed = step(asked, heard({ type: "pair_failed", payload: { identifier: "edge", reason } })).state;
  // What was said counts, whatever code the connection ends with.
  for (const closed of [4003, 4503]) {
    expect(step(failed, ended(closed)).state).toMatchObject({ phase: "stopped", code });
  }
});
