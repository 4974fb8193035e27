import { type FollowerMessage, type NodeMessage, parseFollowerFrame } from "@yonexus/protocol/wire";
import { describe, expect, it } from "vitest";
import type { ConnectionEvent, Effect } from "./event.ts";
import { type ConnectionState, INITIAL_STATE } from "./state.ts";
import { transition } from "./transition.ts";

const PUBLIC_KEY = "6bBmM3lxIjaETOYz23UH7bbYPc+KtjADd1WxYOYB5rE=";
const NOW = 1_790_000_000_000;
const TRUST = { trustVersion: "3", trust: { publicKey: PUBLIC_KEY, sealedSecret: "sealed" } };
const HELLO = { identifier: "alice", hasSecret: false, hasKeyPair: true, publicKey: PUBLIC_KEY, protocolVersion: "1" };
const QUEUE = { lastSeq: 4, waiting: 2, gaps: 1 };
const PROOF = { identifier: "alice", nonce: "A".repeat(24), proofTimestamp: 1_790_000_000, signature: "x" };

/** One connection, taken through events; what each led to is kept. */
class Handshake {
  state: ConnectionState = INITIAL_STATE;
  effects: readonly Effect[] = [];

  apply(event: ConnectionEvent): this {
    const { state, effects } = transition(this.state, event);
    this.state = state;
    this.effects = effects;
    return this;
  }

  frame(type: FollowerMessage["type"], payload: object, requestId = "q"): this {
    const frame = parseFollowerFrame(`builtin::${JSON.stringify({ type, requestId, payload })}`);
    expect(frame.kind).toBe("builtin");
    return this.apply({ type: "frame", frame });
  }

  get said(): NodeMessage[] {
    return this.effects.flatMap((effect) => (effect.do === "send" ? [effect.message] : []));
  }

  get asked(): string[] {
    return this.effects.map((effect) => effect.do).filter((asked) => asked !== "send");
  }
}

const said = (changes: object = {}) => new Handshake().frame("hello", { ...HELLO, ...changes });
const opening = () => said().apply({ type: "lookedUp", lookup: { now: NOW, allowed: true, trustVersion: "0" } });
const opened = (
  notice: "pending" | "sent" = "pending",
  outcome: "opened" | "joined" = "opened",
  approved = false,
): ConnectionEvent => ({
  type: "pairingOpened",
  opened: { outcome, pairingId: "p1", expiresAt: NOW + 300_000, notice, now: NOW, approved },
});
const waiting = () => opening().apply(opened());
const confirming = () =>
  waiting().frame("pair_confirm", { identifier: "alice", pairingCode: "7K3M-9QXV" }, "confirm-1");
const proving = () =>
  said({ hasSecret: true })
    .apply({ type: "lookedUp", lookup: { now: NOW, allowed: true, ...TRUST } })
    .frame("auth_request", PROOF, "auth-1");

describe("hello", () => {
  it("is looked up once, and its answer repeats its requestId", () => {
    const handshake = said();
    expect(handshake.asked).toEqual(["lookUp"]);
    handshake.apply({ type: "lookedUp", lookup: { now: NOW, allowed: true, trustVersion: "0" } });
    expect(handshake.said).toEqual([
      { type: "hello_ack", requestId: "q", payload: { identifier: "alice", nextAction: "pair_required" } },
    ]);
    expect(handshake.asked).toEqual(["openPairing"]);
  });

  it.each([
    ["auth_required", { hasSecret: true }, TRUST],
    ["pair_required", { hasSecret: false }, TRUST],
    ["pair_required", { hasSecret: true }, { trustVersion: "3" }],
    [
      "waiting_pair_confirm",
      {},
      { trustVersion: "0", pairing: { pairingId: "p1", expiresAt: NOW, notice: "pending" as const } },
    ],
  ])("is answered %s by what the follower has (%j) and the cluster knows", (nextAction, hello, known) => {
    const handshake = said(hello).apply({ type: "lookedUp", lookup: { now: NOW, allowed: true, ...known } });
    expect(handshake.said[0]?.payload).toEqual({ identifier: "alice", nextAction });
  });

  it("of an identifier that is not allowed is answered rejected and an error, and closed", () => {
    const handshake = said().apply({ type: "lookedUp", lookup: { now: NOW, allowed: false, trustVersion: "0" } });
    expect(handshake.said.map(({ type, requestId }) => [type, requestId])).toEqual([
      ["hello_ack", "q"],
      ["error", "q"],
    ]);
    expect(handshake.state.phase).toEqual({ name: "closed", reason: "identifier_not_allowed" });
  });

  it("of another protocol version is answered with an error and a notice that names the follower", () => {
    const handshake = said({ protocolVersion: "2" });
    expect(handshake.said).toMatchObject([
      { type: "error", requestId: "q", payload: { code: "UNSUPPORTED_PROTOCOL_VERSION" } },
    ]);
    expect(handshake.effects.at(-1)).toEqual({
      do: "close",
      reason: "unsupported_protocol_version",
      identifier: "alice",
    });
  });

  it("without a key cannot open a pairing; a second, good one goes on", () => {
    const { publicKey: _, ...keyless } = HELLO;
    const handshake = new Handshake().frame("hello", keyless);
    handshake.apply({ type: "lookedUp", lookup: { now: NOW, allowed: true, trustVersion: "0" } });
    expect(handshake.said).toMatchObject([{ type: "error", requestId: "q", payload: { code: "MALFORMED_MESSAGE" } }]);
    expect(handshake.frame("hello", HELLO).asked).toEqual(["lookUp"]);
  });
});

describe("capabilities", () => {
  const acked = (capabilities: object) => {
    const lookup = { now: NOW, allowed: true, ...TRUST };
    return said({ hasSecret: true, ...capabilities }).apply({ type: "lookedUp", lookup });
  };

  it.each([
    [{}, {}],
    [{ capabilities: [] }, {}],
    [{ capabilities: ["ack"] }, { capabilities: ["ack"] }],
    [{ capabilities: ["of a later version", "ack", "ack"] }, { capabilities: ["ack"] }],
    [{ capabilities: ["of a later version"] }, { capabilities: [] }],
  ])("asked for with %j are granted with %j", (asked, granted) => {
    expect(acked(asked).said).toEqual([
      { type: "hello_ack", requestId: "q", payload: { identifier: "alice", nextAction: "auth_required", ...granted } },
    ]);
  });

  it("hold for the session, also after a pairing", () => {
    const claimed: ConnectionEvent = {
      type: "proofJudged",
      verdict: { outcome: "claimed", epoch: 7, now: NOW, queue: QUEUE },
    };
    const acks = (handshake: Handshake) => {
      const { phase } = handshake.frame("auth_request", PROOF).apply(claimed).state;
      return phase.name === "active" && phase.acks;
    };
    expect([acks(acked({ capabilities: ["ack"] })), acks(acked({}))]).toEqual([true, false]);
    const paired = said({ capabilities: ["ack"] })
      .apply({ type: "lookedUp", lookup: { now: NOW, allowed: true, trustVersion: "0" } })
      .apply(opened())
      .frame("pair_confirm", { identifier: "alice", pairingCode: "7K3M-9QXV" })
      .apply({
        type: "pairingConfirmed",
        confirmed: { outcome: "paired", pairedAt: NOW, trustVersion: "4" },
        grant: { secret: "a secret", expected: TRUST },
      });
    expect(acks(paired)).toBe(true);
  });
});

describe("what only a session may send", () => {
  const heartbeat = { identifier: "alice", status: "alive" };
  const message: ConnectionEvent = { type: "frame", frame: { kind: "application", rule: "chat", content: "hello" } };

  it("is PAIRING_REQUIRED without trust, and AUTH_FAILED with it or before the hello", () => {
    const codes = (handshake: () => Handshake) =>
      [
        handshake().frame("heartbeat", heartbeat),
        handshake().frame("message", { id: "m-1", rule: "chat", content: "hello" }),
        handshake().frame("message_ack", { id: "m-1" }),
        handshake().apply(message),
      ].map(({ said }) => said[0]?.payload);
    const both = (code: string) => Array(4).fill(expect.objectContaining({ code }));
    expect(codes(waiting)).toEqual(both("PAIRING_REQUIRED"));
    expect(codes(opening)).toEqual(both("PAIRING_REQUIRED"));
    expect(codes(() => new Handshake())).toEqual(both("AUTH_FAILED"));
    expect(codes(proving)).toEqual(both("AUTH_FAILED"));
    const lostItsSecret = () =>
      said()
        .apply({ type: "lookedUp", lookup: { now: NOW, allowed: true, ...TRUST } })
        .apply(opened());
    expect(codes(lostItsSecret)).toEqual(both("AUTH_FAILED"));
  });
});

const news = (result: "sent" | "failed" | "void" | "approved" | "denied", pairingId = "p1") =>
  ({ type: "pairingNews", pairingId, result }) as const;
const GRANTED: ConnectionEvent = {
  type: "pairingGranted",
  granted: { outcome: "paired", pairedAt: NOW + 999, trustVersion: "4" },
  grant: { secret: "the secret", expected: { ...TRUST, trustVersion: "4" } },
};
const granting = () => waiting().apply(news("sent")).apply(news("approved"));

describe("a pairing that an operator approves", () => {
  it("asks for the secret at once, sends it once, then waits for a proof under the new trust", () => {
    const handshake = granting();
    expect(handshake.effects).toEqual([{ do: "grantPairing", peer: expect.anything(), pairingId: "p1" }]);
    handshake.apply(GRANTED);
    expect(handshake.said).toEqual([
      { type: "pair_success", payload: { identifier: "alice", secret: "the secret", pairedAt: NOW / 1000 } },
    ]);
    expect(handshake.asked).toEqual(["restartDeadline"]);
    expect(JSON.stringify(handshake.state)).not.toContain("the secret");
    handshake.frame("auth_request", PROOF);
    expect(handshake.effects).toMatchObject([{ do: "judgeProof", expected: { trustVersion: "4" } }]);
  });

  it("before the follower heard of it is announced first: a follower takes no secret for a pairing that it does not know", () => {
    for (const handshake of [
      waiting().apply(news("approved")),
      opening().apply(news("approved")).apply(opened()),
      opening().apply(news("approved")).apply(news("sent")).apply(opened()),
      opening().apply(opened("pending", "joined", true)),
    ]) {
      expect(handshake.said).toMatchObject([{ type: "pair_request", payload: { adminNotification: "pending" } }]);
      expect(handshake.asked.at(-1)).toBe("grantPairing");
      expect(handshake.apply(GRANTED).said.map(({ type }) => type)).toEqual(["pair_success"]);
    }
  });

  it("is asked for once, however often it is approved, and not by the news of another pairing", () => {
    expect(granting().apply(news("approved")).effects).toEqual([]);
    expect(waiting().apply(news("approved", "p0")).effects).toEqual([]);
  });

  it("while a code is under way answers the code first: the right one pairs, a wrong one is told, and then the approval counts", () => {
    const right = confirming().apply(news("approved"));
    expect(right.effects).toEqual([]);
    const confirmed = { outcome: "paired", pairedAt: NOW, trustVersion: "4" } as const;
    right.apply({ type: "pairingConfirmed", confirmed, grant: { secret: "by code", expected: TRUST } });
    expect(right.said).toMatchObject([{ type: "pair_success", requestId: "confirm-1" }]);
    expect(right.asked).toEqual(["restartDeadline"]);

    const wrong = confirming().apply(news("approved"));
    wrong.apply({ type: "pairingConfirmed", confirmed: { outcome: "invalid_code", triesLeft: 4 } });
    expect(wrong.said).toMatchObject([{ type: "pair_failed", payload: { reason: "invalid_code" } }]);
    expect(wrong.asked).toEqual(["grantPairing"]);
    expect(wrong.apply(GRANTED).said).toMatchObject([{ type: "pair_success" }]);
  });

  it("takes a code that crossed the secret for answered, once; the next one is a violation as ever", () => {
    const code = { identifier: "alice", pairingCode: "7K3M-9QXV" };
    expect(granting().frame("pair_confirm", code).effects).toEqual([]);
    const handshake = granting().apply(GRANTED).frame("pair_confirm", code);
    expect(handshake.effects).toEqual([]);
    expect(handshake.frame("pair_confirm", code).said).toMatchObject([
      { type: "error", payload: { code: "MALFORMED_MESSAGE" } },
    ]);
    expect(handshake.frame("auth_request", PROOF).asked).toEqual(["judgeProof"]);
  });

  it("for another connection than this leaves it waiting for its code, with what it missed meanwhile", () => {
    const handshake = granting().apply({ type: "pairingGranted", granted: { outcome: "waiting" } });
    expect(handshake.effects).toEqual([]);
    const code = { identifier: "alice", pairingCode: "7K3M-9QXV" };
    expect(handshake.frame("pair_confirm", code).asked).toEqual(["confirmPairing"]);

    const unannounced = waiting().apply(news("approved")).apply(news("sent"));
    unannounced.apply({ type: "pairingGranted", granted: { outcome: "waiting" } });
    expect(unannounced.said).toMatchObject([{ type: "pair_request", payload: { adminNotification: "sent" } }]);

    const refused = granting()
      .apply(news("denied"))
      .apply({ type: "pairingGranted", granted: { outcome: "waiting" } });
    expect(refused.said).toMatchObject([{ payload: { reason: "rejected_by_admin" } }]);
  });

  it.each([
    ["expired", "expired", "handshake_timeout"],
    ["denied", "rejected_by_admin", "identifier_not_allowed"],
    ["not_allowed", "identifier_not_allowed", "identifier_not_allowed"],
  ] as const)(
    "and is %s by the time the secret is made, is answered pair_failed{%s} and closed",
    (outcome, reason, closed) => {
      const handshake = granting().apply({ type: "pairingGranted", granted: { outcome } });
      expect(handshake.said).toEqual([{ type: "pair_failed", payload: { identifier: "alice", reason } }]);
      expect(handshake.state.phase).toEqual({ name: "closed", reason: closed });
    },
  );

  it("while Redis is away is told OVERLOADED and to come back: the approval waits for the next hello", () => {
    const handshake = granting().apply({ type: "unavailable" });
    expect(handshake.said).toMatchObject([{ type: "error", payload: { code: "OVERLOADED" } }]);
    expect(handshake.state.phase).toEqual({ name: "closed", reason: "overloaded" });
  });
});

describe("a pairing that an operator refuses", () => {
  it("is told rejected_by_admin and closed with a code that says stop, before and after it is open, and with the next hello", () => {
    for (const handshake of [
      waiting().apply(news("denied")),
      opening().apply(news("denied")).apply(opened()),
      opening().apply({ type: "pairingOpened", opened: { outcome: "denied" } }),
    ]) {
      expect(handshake.said).toEqual([
        { type: "pair_failed", payload: { identifier: "alice", reason: "rejected_by_admin" } },
      ]);
      expect(handshake.state.phase).toEqual({ name: "closed", reason: "identifier_not_allowed" });
    }
  });

  it("while a code is under way is told with the answer to the code, once", () => {
    const asked = confirming().apply(news("denied"));
    expect(asked.effects).toEqual([]);
    for (const confirmed of [{ outcome: "denied" }, { outcome: "invalid_code", triesLeft: 3 }] as const) {
      const handshake = confirming().apply(news("denied")).apply({ type: "pairingConfirmed", confirmed });
      expect(handshake.said.at(-1)).toMatchObject({ type: "pair_failed", payload: { reason: "rejected_by_admin" } });
      expect(handshake.asked).toEqual(["close"]);
    }
  });
});

describe("a pairing", () => {
  it("whose notice went out at once is announced once, as sent", () => {
    const handshake = waiting();
    expect(handshake.asked).toEqual(["restartDeadline", "waitForNotice"]);
    expect(handshake.said).toEqual([]);
    handshake.apply({ type: "pairingNews", pairingId: "p1", result: "sent" });
    expect(handshake.said).toEqual([
      {
        type: "pair_request",
        payload: {
          identifier: "alice",
          expiresAt: (NOW + 300_000) / 1000,
          ttlSeconds: 300,
          adminNotification: "sent",
          codeDelivery: "out_of_band",
        },
      },
    ]);
    expect(handshake.apply({ type: "noticeWaitOver" }).effects).toEqual([]);
    expect(handshake.apply({ type: "pairingNews", pairingId: "p1", result: "sent" }).effects).toEqual([]);
  });

  it("whose notice takes its time is announced as pending, then as sent", () => {
    const handshake = waiting().apply({ type: "noticeWaitOver" });
    expect(handshake.said).toMatchObject([{ type: "pair_request", payload: { adminNotification: "pending" } }]);
    handshake.apply({ type: "pairingNews", pairingId: "p1", result: "sent" });
    expect(handshake.said).toMatchObject([{ type: "pair_request", payload: { adminNotification: "sent" } }]);
  });

  it("that an operator made void is told expired, before and after it is open, and a code under way is answered first", () => {
    const event = { type: "pairingNews", pairingId: "p1", result: "void" } as const;
    for (const handshake of [waiting().apply(event), opening().apply(event).apply(opened())]) {
      expect(handshake.said).toMatchObject([{ type: "pair_failed", payload: { reason: "expired" } }]);
      expect(handshake.state.phase).toEqual({ name: "closed", reason: "handshake_timeout" });
    }
    expect(confirming().apply(event).effects).toEqual([]);
  });

  it("that a newer connection waits for is left with 4001; a code under way is answered first", () => {
    for (const handshake of [opening(), waiting()]) {
      handshake.apply({ type: "pairingTakenOver" });
      expect(handshake.asked).toEqual(["close"]);
      expect(handshake.state.phase).toEqual({ name: "closed", reason: "handshake_timeout" });
    }
    for (const handshake of [confirming(), proving()]) {
      expect(handshake.apply({ type: "pairingTakenOver" }).effects).toEqual([]);
    }
  });

  it.each(["sent", "failed"] as const)(
    "whose notice %s before the answer of the script that opened it, is told so",
    (result) => {
      const handshake = opening().apply({ type: "pairingNews", pairingId: "p1", result });
      expect(handshake.effects).toEqual([]);
      handshake.apply(opened());
      expect(handshake.said).toMatchObject([
        result === "sent"
          ? { type: "pair_request", payload: { adminNotification: "sent" } }
          : { type: "pair_failed", payload: { reason: "admin_notification_failed" } },
      ]);
    },
  );

  it("is not touched by the notice of another pairing, before or after it is open", () => {
    const handshake = opening().apply({ type: "pairingNews", pairingId: "p0", result: "failed" }).apply(opened());
    expect(handshake.state.phase.name).toBe("awaitingCode");
    expect(handshake.apply({ type: "pairingNews", pairingId: "p0", result: "failed" }).effects).toEqual([]);
  });

  it.each([
    ["invalid_code", undefined],
    ["too_many_attempts", "rate_limited"],
    ["expired", "handshake_timeout"],
  ] as const)("answers a code with pair_failed{%s} to its request, and closes with %s", (outcome, reason) => {
    const confirmed = outcome === "invalid_code" ? { outcome, triesLeft: 4 } : { outcome };
    const handshake = confirming().apply({ type: "pairingConfirmed", confirmed });
    expect(handshake.said).toEqual([
      { type: "pair_failed", requestId: "confirm-1", payload: { identifier: "alice", reason: outcome } },
    ]);
    expect(handshake.asked).toEqual(reason === undefined ? [] : ["close"]);
    if (reason !== undefined) expect(handshake.state.phase).toEqual({ name: "closed", reason });
  });

  it("that succeeds sends the secret once, then waits for a proof under the new trust", () => {
    const handshake = confirming().apply({
      type: "pairingConfirmed",
      confirmed: { outcome: "paired", pairedAt: NOW + 999, trustVersion: "4" },
      grant: { secret: "the secret", expected: { ...TRUST, trustVersion: "4" } },
    });
    expect(handshake.said).toEqual([
      {
        type: "pair_success",
        requestId: "confirm-1",
        payload: { identifier: "alice", secret: "the secret", pairedAt: NOW / 1000 },
      },
    ]);
    expect(handshake.asked).toEqual(["restartDeadline"]);
    expect(JSON.stringify(handshake.state)).not.toContain("the secret");
    handshake.frame("auth_request", PROOF);
    expect(handshake.effects).toMatchObject([{ do: "judgeProof", expected: { trustVersion: "4" } }]);
  });

  it("whose time ran out on the node is answered expired, and any other handshake just closed", () => {
    expect(waiting().apply({ type: "deadlinePassed" }).said).toMatchObject([
      { type: "pair_failed", payload: { reason: "expired" } },
    ]);
    expect(confirming().apply({ type: "deadlinePassed" }).said).toMatchObject([{ requestId: "confirm-1" }]);
    for (const handshake of [new Handshake(), said(), opening(), proving()]) {
      expect(handshake.apply({ type: "deadlinePassed" }).said).toEqual([]);
      expect(handshake.state.phase).toEqual({ name: "closed", reason: "handshake_timeout" });
    }
  });

  it("takes one code at a time: a second one before the answer is a violation", () => {
    const handshake = confirming().frame("pair_confirm", { identifier: "alice", pairingCode: "AAAA-AAAA" });
    expect(handshake.said).toMatchObject([{ type: "error" }]);
    expect(handshake.asked).toEqual([]);
  });
});

describe("a proof", () => {
  it("that is claimed opens the session before its success is told, so that nothing overtakes it", () => {
    const handshake = proving().apply({
      type: "proofJudged",
      verdict: { outcome: "claimed", epoch: 7, now: NOW, queue: QUEUE },
    });
    expect(handshake.effects).toEqual([
      { do: "openSession", epoch: 7, authenticatedAt: NOW, queue: QUEUE },
      {
        do: "send",
        message: {
          type: "auth_success",
          requestId: "auth-1",
          payload: { identifier: "alice", authenticatedAt: NOW / 1000, status: "online" },
        },
      },
    ]);
  });

  it.each([
    [{ outcome: "refused", reason: "invalid_signature", tooMany: false }, "invalid_signature", "auth_failed"],
    [{ outcome: "refused", reason: "invalid_secret", tooMany: false }, "invalid_secret", "auth_failed"],
    [{ outcome: "refused", reason: "invalid_secret", tooMany: true }, "rate_limited", "rate_limited"],
    [{ outcome: "stale_timestamp", now: NOW }, "stale_timestamp", "auth_failed"],
    [{ outcome: "future_timestamp", now: NOW }, "future_timestamp", "auth_failed"],
    [{ outcome: "nonce_collision" }, "nonce_collision", "trust_revoked"],
    [{ outcome: "rate_limited" }, "rate_limited", "trust_revoked"],
    [{ outcome: "trust_changed" }, "not_paired", "auth_failed"],
    [{ outcome: "not_allowed" }, "unknown_identifier", "identifier_not_allowed"],
  ] as const)("judged %j is answered auth_failed{%s} and closed with %s", (verdict, reason, closed) => {
    const handshake = proving().apply({ type: "proofJudged", verdict });
    const unsafe =
      closed === "trust_revoked" ? [{ type: "re_pair_required", payload: { identifier: "alice", reason } }] : [];
    expect(handshake.said).toEqual([
      { type: "auth_failed", requestId: "auth-1", payload: { identifier: "alice", reason } },
      ...unsafe,
    ]);
    expect(handshake.state.phase).toEqual({ name: "closed", reason: closed });
  });

  it("before there is trust is answered not_paired, and of a follower that lost its secret invalid_secret", () => {
    expect(waiting().frame("auth_request", PROOF).said).toMatchObject([
      { payload: { reason: "not_paired" }, requestId: "q" },
    ]);
    const lostItsSecret = said().apply({ type: "lookedUp", lookup: { now: NOW, allowed: true, ...TRUST } });
    expect(lostItsSecret.frame("auth_request", PROOF).said).toMatchObject([{ payload: { reason: "invalid_secret" } }]);
  });
});

describe("Redis away", () => {
  it("ends a handshake with OVERLOADED to its request, and a code to come back", () => {
    const handshake = proving().apply({ type: "unavailable" });
    expect(handshake.said).toMatchObject([{ type: "error", requestId: "auth-1", payload: { code: "OVERLOADED" } }]);
    expect(handshake.state.phase).toEqual({ name: "closed", reason: "overloaded" });
  });
});
