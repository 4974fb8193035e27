import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as wire from "./index.ts";
import { ERROR_CODES, type FollowerMessage, type NodeMessage } from "./index.ts";

const identifier = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);
const seconds = fc.integer({ min: 0, max: wire.LIMITS.unixSeconds });
/** Well-formed text without control characters, of 1 to `longest` code points. */
const line = (longest: number) =>
  fc
    .array(
      fc.string({ unit: "binary", minLength: 1, maxLength: 1 }).filter((unit) => !/\p{Cc}|\p{Cs}/u.test(unit)),
      { minLength: 1, maxLength: longest },
    )
    .map((units) => units.join(""));
const sentence = (longest: number) =>
  fc
    .array(fc.string({ unit: "binary", minLength: 1, maxLength: 1 }), { maxLength: longest })
    .map((units) => units.join(""));
const publicKey = fc.uint8Array({ minLength: 32, maxLength: 32 }).filter(wire.isUsablePublicKey).map(wire.encodeBase64);
const messageId = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/);
const rule = line(wire.LIMITS.rule).filter(wire.isRule);
const content = fc.string({ unit: "binary" });
const seq = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const capabilities = fc.array(line(wire.LIMITS.capability), { maxLength: wire.LIMITS.capabilities });
const details = fc.dictionary(fc.string(), fc.jsonValue()).map((value) => JSON.parse(JSON.stringify(value)));
const optional = { requiredKeys: [] };

function message<const Name extends string, Payload>(type: Name, payload: fc.Arbitrary<Payload>) {
  return fc
    .tuple(payload, fc.record({ requestId: line(wire.LIMITS.requestId), timestamp: seconds }, optional))
    .map(([fields, envelope]) => ({ type, ...envelope, payload: fields }));
}

const followerMessages: { [Name in FollowerMessage["type"]]: fc.Arbitrary<FollowerMessage> } = {
  hello: message(
    "hello",
    fc.record(
      {
        identifier,
        hasSecret: fc.boolean(),
        hasKeyPair: fc.boolean(),
        publicKey,
        protocolVersion: line(32),
        capabilities,
      },
      { requiredKeys: ["identifier", "hasSecret", "hasKeyPair", "protocolVersion"] },
    ),
  ),
  pair_confirm: message("pair_confirm", fc.record({ identifier, pairingCode: line(wire.LIMITS.pairingCode) })),
  auth_request: message(
    "auth_request",
    fc.record(
      {
        identifier,
        nonce: fc.stringMatching(/^[A-Za-z0-9_-]{24}$/),
        proofTimestamp: seconds,
        signature: line(wire.LIMITS.signatureText),
        publicKey,
      },
      { requiredKeys: ["identifier", "nonce", "proofTimestamp", "signature"] },
    ),
  ),
  heartbeat: message("heartbeat", fc.record({ identifier, status: fc.constant("alive" as const) })),
  message: message("message", fc.record({ id: messageId, rule, content })),
  message_ack: message(
    "message_ack",
    fc.record(
      { id: messageId, status: fc.constantFrom(...wire.FOLLOWER_ACK_STATUSES), reason: sentence(256) },
      { requiredKeys: ["id"] },
    ),
  ),
};

const status = fc.constantFrom(...wire.FOLLOWER_STATUSES);
const nodeMessages: { [Name in NodeMessage["type"]]: fc.Arbitrary<NodeMessage> } = {
  hello_ack: message(
    "hello_ack",
    fc.record(
      { identifier, nextAction: fc.constantFrom(...wire.NEXT_ACTIONS), capabilities },
      { requiredKeys: ["identifier", "nextAction"] },
    ),
  ),
  pair_request: message(
    "pair_request",
    fc.record({
      identifier,
      expiresAt: seconds,
      ttlSeconds: fc.integer({ min: 0, max: wire.LIMITS.durationSeconds }),
      adminNotification: fc.constantFrom(...wire.ADMIN_NOTIFICATIONS),
      codeDelivery: fc.constant("out_of_band" as const),
    }),
  ),
  pair_success: message("pair_success", fc.record({ identifier, secret: line(256), pairedAt: seconds })),
  pair_failed: message("pair_failed", fc.record({ identifier, reason: fc.constantFrom(...wire.PAIR_FAILED_REASONS) })),
  auth_success: message(
    "auth_success",
    fc.record({ identifier, authenticatedAt: seconds, status: fc.constant("online" as const) }),
  ),
  auth_failed: message("auth_failed", fc.record({ identifier, reason: fc.constantFrom(...wire.AUTH_FAILED_REASONS) })),
  re_pair_required: message(
    "re_pair_required",
    fc.record({ identifier, reason: fc.constantFrom(...wire.RE_PAIR_REASONS) }),
  ),
  heartbeat_ack: message("heartbeat_ack", fc.record({ identifier, status })),
  status_update: message(
    "status_update",
    fc.record({ identifier, status, reason: sentence(256) }, { requiredKeys: ["identifier", "status"] }),
  ),
  message: message("message", fc.record({ id: messageId, seq, rule, content })),
  message_ack: message(
    "message_ack",
    fc.record(
      {
        id: messageId,
        status: fc.constantFrom(...wire.MESSAGE_ACK_STATUSES),
        reason: fc.constantFrom(...wire.MESSAGE_REJECTED_REASONS),
      },
      { requiredKeys: ["id", "status"] },
    ),
  ),
  gap: message("gap", fc.record({ fromSeq: seq, toSeq: seq, reason: fc.constantFrom(...wire.GAP_REASONS) })),
  disconnect_notice: message(
    "disconnect_notice",
    fc.record({ identifier, reason: fc.constantFrom(...Object.keys(wire.CLOSE_CODES)) }),
  ),
  error: message(
    "error",
    fc.record(
      { code: fc.constantFrom(...(Object.keys(ERROR_CODES) as wire.ErrorCode[])), message: sentence(1024), details },
      { requiredKeys: ["code", "message"] },
    ),
  ),
};
const anyFollowerMessage = fc.oneof(...Object.values(followerMessages));
const anyNodeMessage = fc.oneof(...Object.values(nodeMessages));

describe("what is encoded is read back the same", () => {
  test.each(Object.entries(followerMessages))("follower's %s", (_, messages) => {
    fc.assert(
      fc.property(messages, (sent) => {
        const parsed = wire.parseFollowerFrame(wire.encodeFollowerMessage(sent));
        expect(parsed).toEqual({ kind: "builtin", message: sent });
      }),
      { numRuns: 60 },
    );
  });
  test.each(Object.entries(nodeMessages))("node's %s", (_, messages) => {
    fc.assert(
      fc.property(messages, (sent) => {
        const parsed = wire.parseNodeFrame(wire.encodeNodeMessage(sent));
        expect(parsed).toEqual({ kind: "builtin", message: sent });
      }),
      { numRuns: 60 },
    );
  });
});

/** A valid frame with a few characters replaced, removed or put in. */
const mutated = fc
  .tuple(
    fc.oneof(anyFollowerMessage.map(wire.encodeFollowerMessage), anyNodeMessage.map(wire.encodeNodeMessage)),
    fc.array(fc.tuple(fc.nat(), fc.nat(3), fc.string({ unit: "binary", maxLength: 3 })), {
      minLength: 1,
      maxLength: 5,
    }),
  )
  .map(([frame, edits]) =>
    edits.reduce((text, [at, removed, put]) => {
      const start = at % (text.length + 1);
      return text.slice(0, start) + put + text.slice(start + removed);
    }, frame),
  );

describe("no input throws", () => {
  const anyText = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({ unit: "grapheme" }),
    fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
    fc.string().map((text) => `builtin::${text}`),
    fc.json().map((text) => `builtin::${text}`),
    mutated,
  );
  test("any text, also with lone surrogates, and mutated valid frames", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        for (const parsed of [wire.parseFollowerFrame(text), wire.parseNodeFrame(text)]) {
          if (parsed.kind === "malformed") expect(parsed.reason.length).toBeLessThan(wire.LIMITS.errorMessage);
          else if (parsed.kind === "application")
            expect(wire.encodeApplication(parsed.rule, parsed.content)).toBe(text);
        }
      }),
      { numRuns: 1500 },
    );
  });

  test("any JSON value in any field of a message of any type", () => {
    const types = fc.constantFrom(...Object.keys(followerMessages), ...Object.keys(nodeMessages));
    const names = fc.constantFrom(
      "identifier",
      "reason",
      "status",
      "details",
      "secret",
      "nonce",
      "__proto__",
      "constructor",
    );
    const frames = fc.record({ type: types, requestId: fc.jsonValue(), payload: fc.dictionary(names, fc.jsonValue()) });
    fc.assert(
      fc.property(frames, (frame) => {
        const text = `builtin::${JSON.stringify(frame)}`;
        wire.parseFollowerFrame(text);
        wire.parseNodeFrame(text);
      }),
      { numRuns: 500 },
    );
  });

  test("the deepest nesting that fits a frame", () => {
    const depth = wire.LIMITS.frameBytes / 2 - 60;
    const deep = "[".repeat(depth) + "]".repeat(depth);
    expect(wire.parseFollowerFrame(`builtin::${deep}`).kind).toBe("malformed");
    expect(wire.parseFollowerFrame(`builtin::${"[".repeat(2 * depth)}`).kind).toBe("malformed");
    expect(wire.parseFollowerFrame(`builtin::{"type":${deep}}`).kind).toBe("malformed");
    expect(
      wire.parseNodeFrame(
        `builtin::{"type":"error","payload":{"code":"OVERLOADED","message":"","details":{"a":${deep}}}}`,
      ).kind,
    ).toBe("builtin");
    expect(wire.parseFollowerFrame(`builtin::${'{"payload":'.repeat(5000)}1${"}".repeat(5000)}`).kind).toBe(
      "malformed",
    );
  });

  test("a frame's time grows with its length and no faster", () => {
    const million = 2 ** 20;
    const started = performance.now();
    for (const text of [
      "a".repeat(million),
      ":a".repeat(million),
      `${"r".repeat(million)}::`,
      `builtin::"${"\\u0041".repeat(million)}`,
    ]) {
      expect(wire.parseFollowerFrame(text).kind).toBe("malformed");
    }
    wire.parseFollowerFrame(`builtin::{"type":"hello","payload":{"identifier":"${"a".repeat(million)}"}}`);
    expect(performance.now() - started).toBeLessThan(20_000);
  });
});

test("what is wrong with a frame is said without repeating any of it", () => {
  const marker = "MARKERsecret";
  const values = [marker, `${marker}\n`, [marker], { [marker]: marker }, `${marker}`.repeat(200)];
  const reasonOf = (text: string, node: boolean) => {
    const parsed = node ? wire.parseNodeFrame(text) : wire.parseFollowerFrame(text);
    return parsed.kind === "malformed" ? parsed.reason : "";
  };
  for (const text of [
    marker,
    `${marker}\n::x`,
    `::${marker}`,
    `builtin::${marker}`,
    `builtin::"${marker}"`,
    `builtin::{"${marker}":`,
  ]) {
    expect(reasonOf(text, false)).not.toBe("");
    expect(reasonOf(text, false)).not.toContain("MARKER");
  }
  let refused = 0;
  const check = (frame: object, node: boolean) => {
    const reason = reasonOf(`builtin::${JSON.stringify(frame)}`, node);
    refused += reason === "" ? 0 : 1;
    expect(reason).not.toContain("MARKER");
  };
  for (const [messages, node] of [
    [followerMessages, false],
    [nodeMessages, true],
  ] as const) {
    for (const valid of Object.values<fc.Arbitrary<FollowerMessage | NodeMessage>>(messages).flatMap((arbitrary) =>
      fc.sample(arbitrary, 3),
    )) {
      for (const value of values) {
        for (const field of ["type", "requestId", "timestamp", "payload"]) check({ ...valid, [field]: value }, node);
        for (const field of Object.keys(valid.payload)) {
          check({ ...valid, payload: { ...valid.payload, [field]: value, [marker]: marker } }, node);
        }
      }
    }
  }
  expect(refused).toBeGreaterThan(400);
});

test("nothing that a message says comes from a prototype", () => {
  const name = "requestId";
  Object.defineProperty(Object.prototype, name, { value: "from the prototype", configurable: true });
  try {
    const parsed = wire.parseFollowerFrame(
      'builtin::{"type":"heartbeat","payload":{"identifier":"a","status":"alive"}}',
    );
    expect(parsed.kind === "builtin" && !Object.hasOwn(parsed.message, name)).toBe(true);
  } finally {
    Reflect.deleteProperty(Object.prototype, name);
  }
});
