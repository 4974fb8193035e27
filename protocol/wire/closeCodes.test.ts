import { expect, test } from "vitest";
import { CLOSE_CODES, closeCode, closeReasonOf, ERROR_CODES, isCloseReason, mayReconnect } from "./index.ts";

test("every close reason has its own code, and the code its reason", () => {
  const reasons = Object.keys(CLOSE_CODES).filter(isCloseReason);
  expect(reasons).toHaveLength(13);
  expect(new Set(reasons.map(closeCode)).size).toBe(13);
  for (const reason of reasons) expect(closeReasonOf(closeCode(reason))).toBe(reason);
});

test("the codes are those of the protocol", () => {
  expect(Object.fromEntries(Object.entries(CLOSE_CODES).map(([reason, { code }]) => [reason, code]))).toEqual({
    handshake_timeout: 4001,
    auth_failed: 4003,
    slow_consumer: 4008,
    heartbeat_timeout: 4009,
    draining: 4012,
    overloaded: 4013,
    rate_limited: 4029,
    protocol_violation: 4500,
    unsupported_protocol_version: 4501,
    identifier_not_allowed: 4503,
    session_replaced: 4509,
    trust_revoked: 4510,
    takeover_conflict: 4511,
  });
});

test("a code of no reason has none, also when it is the name of an object's property", () => {
  expect(closeReasonOf(1000)).toBeUndefined();
  expect(closeReasonOf(4999)).toBeUndefined();
  expect(isCloseReason("toString")).toBe(false);
  expect(isCloseReason("__proto__")).toBe(false);
});

test("4000 to 4499 and the codes of the WebSocket standard let a follower come back, 4500 to 4999 do not", () => {
  for (const code of [1000, 1001, 1005, 1006, 1011, 1012, 1013, 3000, 4000, 4012, 4499])
    expect(mayReconnect(code)).toBe(true);
  for (const code of [4500, 4501, 4509, 4777, 4999]) expect(mayReconnect(code)).toBe(false);
});

test("there are the 15 error codes of the protocol, each with a meaning", () => {
  expect(Object.keys(ERROR_CODES)).toHaveLength(15);
  for (const { meaning } of Object.values(ERROR_CODES)) expect(meaning).toMatch(/\.$/);
});
