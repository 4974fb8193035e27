import { expect, test } from "vitest";
import {
  disconnectNotice,
  EncodeError,
  encodeFollowerMessage,
  encodeNodeMessage,
  type NodeMessage,
  parseNodeFrame,
} from "./index.ts";

const pairRequest = {
  type: "pair_request",
  payload: {
    identifier: "edge",
    expiresAt: 1,
    ttlSeconds: 300,
    adminNotification: "sent",
    codeDelivery: "out_of_band",
  },
} as const;

test("only declared fields are written, so that a code or secret on an object never reaches the wire", () => {
  const careless = { ...pairRequest, secret: "S1", payload: { ...pairRequest.payload, pairingCode: "7K3M-9QXV" } };
  expect(encodeNodeMessage(careless)).toBe(encodeNodeMessage(pairRequest));
  expect(encodeNodeMessage(careless)).not.toMatch(/7K3M|S1/);
});

test("a reply carries the request id and the time it is given", () => {
  const frame = encodeNodeMessage({ ...pairRequest, requestId: "req-1", timestamp: 1790000000 });
  expect(parseNodeFrame(frame)).toMatchObject({ message: { requestId: "req-1", timestamp: 1790000000 } });
});

test("a message outside its schema is not sent, and the error names the field without its value", () => {
  const wrong = { type: "pair_success", payload: { identifier: "edge", secret: "MARKER\n", pairedAt: 1 } } as const;
  let error: unknown;
  try {
    encodeNodeMessage(wrong);
  } catch (caught) {
    error = caught;
  }
  expect(error).toBeInstanceOf(EncodeError);
  expect(error).toMatchObject({ code: "INVALID_MESSAGE", message: expect.stringContaining("payload.secret") });
  expect(`${error}`).not.toContain("MARKER");
});

test("a message of the other direction is not sent", () => {
  const heartbeat = { type: "heartbeat", payload: { identifier: "edge", status: "alive" } } as const;
  expect(encodeFollowerMessage(heartbeat)).toContain("alive");
  expect(() => encodeNodeMessage(heartbeat as unknown as NodeMessage)).toThrow(EncodeError);
});

test("a disconnect notice says the name of the close code; a follower reads any other text too", () => {
  expect(encodeNodeMessage(disconnectNotice("edge", "draining"))).toBe(
    'builtin::{"type":"disconnect_notice","payload":{"identifier":"edge","reason":"draining"}}',
  );
  const unknown: NodeMessage = { type: "disconnect_notice", payload: { identifier: "edge", reason: "new_reason" } };
  expect(() => encodeNodeMessage(unknown)).toThrow(EncodeError);
  expect(parseNodeFrame(`builtin::${JSON.stringify(unknown)}`)).toEqual({ kind: "builtin", message: unknown });
});
