import { afterEach, beforeEach, expect, test } from "vitest";
import { ManualClock } from "../../test/support/manualClock.ts";
import { authenticate, identifier, nextEvent, ScriptedNode, says } from "../../test/support/scriptedNode.ts";
import { waitFor } from "../../test/support/waitFor.ts";
import type { StubConnection } from "../../test/support/wsStub.ts";
import { createMemoryState, type Follower, type FollowerOptions, newSavedState } from "./index.ts";

const paired = { ...newSavedState(identifier), secret: "shared-secret", pairedAt: 1 };

let node: ScriptedNode;
let clock: ManualClock;
beforeEach(async () => {
  node = await ScriptedNode.start();
  clock = new ManualClock();
});
afterEach(() => node.stop());

function follower(options: Partial<Pick<FollowerOptions, "maxUnanswered" | "maxBufferedBytes">> = {}): Follower {
  return node.follower({ ...options, state: createMemoryState(paired), clock, random: () => 0 });
}

const read = async (connection: StubConnection) => (await connection.read("message")).payload;

/** Cuts the follower off; its next connection, not authenticated. */
async function cut(made: Follower, connection: StubConnection): Promise<StubConnection> {
  const gone = nextEvent(made, "disconnected");
  connection.cut();
  const end = await gone;
  clock.advance(end.willReconnect ? end.inMs : 0);
  return node.stub.nextConnection();
}

test("a send resolves when the node has accepted the message, with its id and whether it knew it", async () => {
  const made = follower();
  const connection = await node.session(made, ["ack"]);
  const first = made.send("chat", "a::b");
  const { id, rule, content } = await read(connection);
  expect({ rule, content }).toEqual({ rule: "chat", content: "a::b" });
  expect(id).toMatch(/^[\w-]{22}$/);
  connection.send(says.ack(id));
  expect(await first).toEqual({ reached: "accepted", messageId: id, duplicate: false });
  const second = made.send("chat", "again", { id: "own-id" });
  expect(await read(connection)).toEqual({ id: "own-id", rule: "chat", content: "again" });
  connection.send(says.ack("own-id", "duplicate"));
  expect(await second).toEqual({ reached: "accepted", messageId: "own-id", duplicate: true });
});

test("what is unanswered when the session ends is sent again first, in order, before what was sent meanwhile", async () => {
  const made = follower();
  let connection = await node.session(made, ["ack"]);
  const sends = ["one", "two"].map((content, index) => made.send("chat", content, { id: `m${index}` }));
  await read(connection);
  connection = await cut(made, connection);
  sends.push(made.send("chat", "three", { id: "m2" }));
  await authenticate(connection, ["ack"]);
  for (const content of ["one", "two", "three"]) {
    const message = await read(connection);
    expect(message.content).toBe(content);
    connection.send(says.ack(message.id, content === "one" ? "duplicate" : "accepted"));
  }
  expect((await Promise.all(sends)).map((result) => result.reached)).toEqual(["accepted", "accepted", "accepted"]);
});

test("a send before the first session waits for it; before connect it is refused", async () => {
  const made = follower();
  await expect(made.send("chat", "x")).rejects.toMatchObject({ code: "not_connected" });
  const connected = made.connect();
  const sent = made.send("chat", "early", { id: "m0" });
  const connection = await node.stub.nextConnection();
  await authenticate(connection, ["ack"]);
  await connected;
  expect((await read(connection)).content).toBe("early");
  connection.send(says.ack("m0"));
  expect(await sent).toMatchObject({ reached: "accepted" });
});

test("where the node grants no acks, what waited is sent as in version 1, and without a session nothing waits", async () => {
  const made = follower();
  const connected = made.connect();
  const sent = made.send("chat", "early");
  const connection = await node.stub.nextConnection();
  await authenticate(connection);
  await connected;
  expect(await connection.readText()).toBe("chat::early");
  expect(await sent).toEqual({ reached: "written" });
  await cut(made, connection);
  await expect(made.send("chat", "x")).rejects.toMatchObject({ code: "not_connected" });
});

test("what was sent with an id is not sent without one: a node without acks after one with them leaves it unknown", async () => {
  const made = follower();
  let connection = await node.session(made, ["ack"]);
  const sent = made.send("chat", "x", { id: "m0" }).catch((error: unknown) => error);
  await read(connection);
  connection = await cut(made, connection);
  await authenticate(connection);
  expect(await sent).toMatchObject({ code: "delivery_unknown", messageId: "m0" });
});

test.each([
  ["unknown_rule", { code: "unknown_rule", message: expect.stringContaining("chat") }],
  ["id_conflict", { code: "id_conflict", messageId: "m0" }],
] as const)("a message rejected with %s rejects its send", async (reason, error) => {
  const made = follower();
  const connection = await node.session(made, ["ack"]);
  const sent = made.send("chat", "x", { id: "m0" }).catch((caught: unknown) => caught);
  await read(connection);
  connection.send(says.ack("m0", "rejected", reason));
  expect(await sent).toMatchObject(error);
});

test("an overloaded node is asked again, and later messages of the rule wait behind", async () => {
  const made = follower();
  const connection = await node.session(made, ["ack"]);
  const first = made.send("chat", "first", { id: "m0" });
  await read(connection);
  connection.send(says.ack("m0", "rejected", "overloaded"));
  await waitFor("the wait", () => clock.pending.some(({ inMs }) => inMs === 50));
  const second = made.send("chat", "second", { id: "m1" });
  clock.advance(50);
  expect((await read(connection)).id).toBe("m0");
  connection.send(says.ack("m0"));
  expect((await read(connection)).id).toBe("m1");
  connection.send(says.ack("m1"));
  await Promise.all([first, second]);
});

test("a frame refused for the rate slows the follower down, and what is unanswered is sent again", async () => {
  const made = follower();
  const connection = await node.session(made, ["ack"]);
  const sends = [0, 1, 2].map((index) => made.send("chat", "x", { id: `m${index}` }));
  for (const _ of sends) await read(connection);
  const told = nextEvent(made, "error_frame");
  connection.send({ type: "error", payload: { code: "RATE_LIMITED", message: "Slower." } });
  await told;
  clock.advance(1_000);
  for (const index of [0, 1, 2]) {
    expect((await read(connection)).id).toBe(`m${index}`);
    connection.send(says.ack(`m${index}`));
    await sends[index];
    clock.advance(40);
  }
});

test("a send without an answer in time says that its id may be sent again; one that was never written says so", async () => {
  const made = follower();
  const connection = await node.session(made, ["ack"]);
  const sent = made.send("chat", "x", { id: "m0", timeoutMs: 2_000 }).catch((error: unknown) => error);
  await read(connection);
  clock.advance(2_000);
  expect(await sent).toMatchObject({ name: "DeliveryUnknownError", code: "delivery_unknown", messageId: "m0" });
  await cut(made, connection);
  const late = made.send("chat", "y").catch((error: unknown) => error);
  clock.advance(30_000);
  expect(await late).toMatchObject({ code: "not_connected" });
});

test("one id stands for one message while it is unanswered", async () => {
  const made = follower();
  const connection = await node.session(made, ["ack"]);
  const both = [made.send("chat", "x", { id: "m0" }), made.send("chat", "x", { id: "m0" })];
  await expect(made.send("chat", "y", { id: "m0" })).rejects.toMatchObject({ code: "id_conflict" });
  await read(connection);
  connection.send(says.ack("m0"));
  expect(new Set((await Promise.all(both)).map((result) => JSON.stringify(result))).size).toBe(1);
});

test("what may wait is bounded in number and bytes; a wrong id, rule or time and a long message are refused", async () => {
  const made = follower({ maxUnanswered: 2 });
  await node.session(made, ["ack"]);
  const waiting = [made.send("chat", "a"), made.send("chat", "b")].map((sent) => sent.catch((error: unknown) => error));
  await expect(made.send("chat", "c")).rejects.toMatchObject({ code: "overloaded" });
  await expect(made.send("chat", "c", { id: "not an id" })).rejects.toMatchObject({ code: "INVALID_MESSAGE" });
  await expect(made.send("builtin", "c")).rejects.toMatchObject({ code: "INVALID_RULE" });
  await expect(made.send("chat", "c", { timeoutMs: 0 })).rejects.toThrow(/timeoutMs/);
  await expect(made.send("chat", "c".repeat(65_536))).rejects.toMatchObject({ code: "message_too_large" });
  await made.close();
  for (const error of await Promise.all(waiting)) expect(error).toMatchObject({ code: "delivery_unknown" });

  const small = follower({ maxBufferedBytes: 1_000 });
  const connection = await node.session(small, ["ack"]);
  for (const id of ["m0", "m1"]) {
    const sent = small.send("chat", "c".repeat(600), { id });
    await expect(small.send("chat", "c".repeat(600))).rejects.toMatchObject({ code: "overloaded" });
    await read(connection);
    connection.send(says.ack(id));
    await sent;
  }
});

test("close rejects what is unanswered, and a stop what was not sent", async () => {
  const closing = follower();
  const connected = closing.connect().catch(() => undefined);
  const unsent = closing.send("chat", "x").catch((error: unknown) => error);
  await closing.close();
  await connected;
  expect(await unsent).toMatchObject({ code: "closed" });

  const stopping = follower();
  const connection = await node.session(stopping, ["ack"]);
  const sent = stopping.send("chat", "x", { id: "m0" }).catch((error: unknown) => error);
  await read(connection);
  connection.close("session_replaced");
  expect(await sent).toMatchObject({ code: "delivery_unknown", messageId: "m0" });
  await expect(stopping.send("chat", "x")).rejects.toMatchObject({ code: "not_connected" });
});
