import { afterEach, beforeEach, expect, test } from "vitest";
import { freePorts } from "../../test/support/freePorts.ts";
import { ManualClock } from "../../test/support/manualClock.ts";
import { authenticate, identifier, nextEvent, reached, ScriptedNode, says } from "../../test/support/scriptedNode.ts";
import { waitFor } from "../../test/support/waitFor.ts";
import type { StubConnection } from "../../test/support/wsStub.ts";
import { closeCode } from "../wire/index.ts";
import { createMemoryState, type Follower, type FollowerOptions, newSavedState } from "./index.ts";

const paired = { ...newSavedState(identifier), secret: "shared-secret", pairedAt: 1 };

let node: ScriptedNode;
let clock: ManualClock;
let random: number;
beforeEach(async () => {
  node = await ScriptedNode.start();
  clock = new ManualClock();
  random = 0.5;
});
afterEach(() => node.stop());

/** A paired follower on the manual clock. */
function follower(
  options: Partial<Pick<FollowerOptions, "url" | "reconnect" | "handshakeTimeoutMs" | "silenceTimeoutMs">> = {},
): Follower {
  return node.follower({ ...options, state: createMemoryState(paired), clock, random: () => random });
}

const ways: readonly [string, (connection: StubConnection) => void, number][] = [
  ["a cut line", (connection) => connection.cut(), 1006],
  ["draining", (connection) => connection.close("draining"), closeCode("draining")],
  ["overloaded", (connection) => connection.close("overloaded"), closeCode("overloaded")],
];

test.each(ways)("after %s the follower comes back at a random point of a wait that grows", async (_name, end, code) => {
  const made = follower();
  let connection = await node.session(made);
  for (const [share, inMs] of [
    [0.5, 250],
    [0.25, 250],
    [1, 2_000],
    [0, 50],
  ] as const) {
    random = share;
    const gone = nextEvent(made, "disconnected");
    end(connection);
    expect(await gone).toMatchObject({ code, willReconnect: true, inMs });
    clock.advance(inMs - 1);
    expect(made.state.phase).toBe("waiting");
    clock.advance(1);
    connection = await node.stub.nextConnection();
    await authenticate(connection);
    await reached(made, "authenticated");
  }
});

test("a session that lasted starts the waits from the beginning", async () => {
  const made = follower();
  let connection = await node.session(made);
  const waits: unknown[] = [];
  made.on("disconnected", (end) => waits.push("inMs" in end && end.inMs));
  for (const livedMs of [0, 0, 10_000]) {
    clock.advance(livedMs);
    const gone = nextEvent(made, "disconnected");
    connection.cut();
    await gone;
    clock.advance(2_000);
    connection = await node.stub.nextConnection();
    await authenticate(connection);
    await reached(made, "authenticated");
  }
  expect(waits).toEqual([250, 500, 250]);
});

test.each([
  "session_replaced",
  "trust_revoked",
  "protocol_violation",
  "unsupported_protocol_version",
  "identifier_not_allowed",
  "takeover_conflict",
] as const)("after %s the follower stops, says what to do, and waits for a person", async (reason) => {
  const made = follower();
  const connection = await node.session(made);
  const [stopped, gone] = [nextEvent(made, "stopped"), nextEvent(made, "disconnected")];
  connection.close(reason);
  expect(await gone).toEqual({ code: closeCode(reason), reason, willReconnect: false });
  expect(await stopped).toMatchObject({ code: reason, whatToDo: expect.stringMatching(/\.$/) });
  clock.advance(86_400_000);
  expect(clock.pending).toEqual([]);
  expect(node.stub.connections).toBe(1);
});

test("a follower that may not connect rejects connect with the code, and may be connected again", async () => {
  const made = follower();
  const refused = made.connect();
  const connection = await node.stub.nextConnection();
  await connection.read("hello");
  connection.send(says.helloAck("rejected"));
  connection.send({ type: "error", payload: { code: "IDENTIFIER_NOT_ALLOWED", message: "Not allowed." } });
  connection.close("identifier_not_allowed");
  await expect(refused).rejects.toMatchObject({
    name: "FollowerStoppedError",
    code: "identifier_not_allowed",
    whatToDo: expect.stringMatching(/allowlist/),
  });
  await node.session(made);
});

test("a node that is full is asked again no sooner than it said", async () => {
  const made = follower();
  node.stub.refuseNext(503, { "retry-after": "7" });
  node.stub.refuseNext(429);
  const connected = made.connect();
  expect(await nextEvent(made, "disconnected")).toEqual({
    code: 1006,
    reason: "HTTP 503",
    willReconnect: true,
    inMs: 7_500,
  });
  clock.advance(7_500);
  expect(await nextEvent(made, "disconnected")).toEqual({
    code: 1006,
    reason: "HTTP 429",
    willReconnect: true,
    inMs: 500,
  });
  clock.advance(500);
  await authenticate(await node.stub.nextConnection());
  await connected;
});

test("a node that is not there is asked again", async () => {
  const [port] = await freePorts(1);
  const made = follower({ url: `ws://127.0.0.1:${port}/` });
  made.connect().catch(() => undefined);
  expect(await nextEvent(made, "disconnected")).toMatchObject({ reason: "ECONNREFUSED", willReconnect: true });
});

test("without reconnecting, the first end of a connection stops the follower", async () => {
  const made = follower({ reconnect: false });
  node.stub.refuseNext(503);
  await expect(made.connect()).rejects.toMatchObject({ code: "reconnect_off", reason: "HTTP 503" });
});

test("a node that answers no step of the handshake in time is left, and asked again", async () => {
  const made = follower({ handshakeTimeoutMs: 15_000 });
  made.connect().catch(() => undefined);
  const timedOut = async () => {
    const gone = nextEvent(made, "disconnected");
    clock.advance(14_999);
    clock.advance(1);
    const end = await gone;
    expect(end).toMatchObject({ code: 1006, reason: "the node did not answer in time", willReconnect: true });
    clock.advance(end.willReconnect ? end.inMs : 0);
  };
  node.stub.refuseNext(undefined);
  await waitFor("the upgrade to be asked for", () => node.stub.upgrades === 1);
  await timedOut();
  await (await node.stub.nextConnection()).read("hello");
  await timedOut();
  const connection = await node.stub.nextConnection();
  await connection.read("hello");
  connection.send(says.helloAck("auth_required"));
  await connection.read("auth_request");
  await timedOut();
  await authenticate(await node.stub.nextConnection());
  await reached(made, "authenticated");
});

test("a refused proof is told, and tried again after a wait", async () => {
  const made = follower();
  made.connect().catch(() => undefined);
  const connection = await node.stub.nextConnection();
  await connection.read("hello");
  connection.send(says.helloAck("auth_required"));
  await connection.read("auth_request");
  const refused = nextEvent(made, "auth_failed");
  connection.send(says.authFailed("stale_timestamp"));
  expect(await refused).toEqual({ reason: "stale_timestamp" });
  const gone = nextEvent(made, "disconnected");
  connection.close("auth_failed");
  expect(await gone).toMatchObject({ reason: "auth_failed", willReconnect: true });
});

test("a session sends a heartbeat every five minutes", async () => {
  const made = follower({ silenceTimeoutMs: 2_000_000_000 });
  const connection = await node.session(made);
  clock.advance(299_999);
  await made.send("chat", "before");
  clock.advance(1);
  clock.advance(300_000);
  expect(await connection.readText()).toBe("chat::before");
  expect((await connection.read("heartbeat")).payload).toEqual({ identifier, status: "alive" });
  await connection.read("heartbeat");
  const status = nextEvent(made, "status");
  connection.send({ type: "heartbeat_ack", payload: { identifier, status: "online" } });
  expect(await status).toEqual({ status: "online" });
});

test("a link on which nothing is heard is given up", async () => {
  const made = follower();
  const connection = await node.session(made);
  connection.freeze();
  const gone = nextEvent(made, "disconnected");
  clock.advance(75_000);
  expect(await gone).toMatchObject({ code: 1006, reason: "nothing was heard of the node", willReconnect: true });
});

test("a silent link that answers pings is kept", async () => {
  const made = node.follower({ state: createMemoryState(paired), silenceTimeoutMs: 300 });
  const connection = await node.session(made);
  // One ping comes before a link is given up, so several tell that it was not.
  await waitFor("some pings", () => connection.pings >= 4);
  expect(made.state.phase).toBe("authenticated");
  expect(node.stub.connections).toBe(1);
});

test("only the wait between two connections keeps the process running by itself", async () => {
  const made = follower();
  const connection = await node.session(made);
  expect(clock.pending.filter(({ keepAlive }) => keepAlive)).toEqual([]);
  const gone = nextEvent(made, "disconnected");
  connection.cut();
  await gone;
  expect(clock.pending).toEqual([{ inMs: 250, keepAlive: true }]);
});

test("with several URLs the follower comes back to the next node when one is gone", async () => {
  const other = await ScriptedNode.start();
  try {
    const made = follower({ url: [node.stub.url, other.stub.url] });
    const connection = await node.session(made);
    random = 0;
    const gone = nextEvent(made, "disconnected");
    connection.cut();
    await gone;
    clock.advance(50);
    await authenticate(await other.stub.nextConnection());
    await reached(made, "authenticated");
  } finally {
    await other.stop();
  }
});
