import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ManualClock } from "../../test/support/manualClock.ts";
import { authenticate, identifier, nextEvent, reached, ScriptedNode, says } from "../../test/support/scriptedNode.ts";
import { waitFor } from "../../test/support/waitFor.ts";
import type { StubConnection } from "../../test/support/wsStub.ts";
import { MOST_WAITING } from "./inbox.ts";
import { createMemoryState, type Follower, newSavedState } from "./index.ts";

const paired = { ...newSavedState(identifier), secret: "shared-secret", pairedAt: 1 };

let node: ScriptedNode;
let clock: ManualClock;
beforeEach(async () => {
  node = await ScriptedNode.start();
  clock = new ManualClock();
  vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);
});
afterEach(async () => {
  await node.stop();
  vi.restoreAllMocks();
});

function follower(): Follower {
  return node.follower({ state: createMemoryState(paired), clock, random: () => 0 });
}

const acked = async (connection: StubConnection) => (await connection.read("message_ack")).payload;

/** The next session of a follower that was cut off. */
async function again(made: Follower, connection: StubConnection): Promise<StubConnection> {
  const gone = nextEvent(made, "disconnected");
  connection.cut();
  const end = await gone;
  clock.advance(end.willReconnect ? end.inMs : 0);
  const next = await node.stub.nextConnection();
  await authenticate(next, ["ack"]);
  await reached(made, "authenticated");
  return next;
}

test("a follower asks for acks, unless it is told not to, and a node may grant none", async () => {
  for (const [capabilities, asked] of [
    [undefined, ["ack"]],
    [[], undefined],
  ] as const) {
    const made = node.follower({
      state: createMemoryState(paired),
      ...(capabilities === undefined ? {} : { capabilities }),
    });
    const connected = made.connect();
    const connection = await node.stub.nextConnection();
    expect((await connection.read("hello")).payload.capabilities).toEqual(asked);
    connection.send(says.helloAck("auth_required"));
    await connection.read("auth_request");
    connection.send(says.authSuccess());
    await connected;
    const heard = nextEvent(made, "message");
    // Not granted: such a frame means nothing here.
    connection.send(says.message(1));
    connection.sendText("chat::plain");
    expect(await heard).toEqual({ rule: "chat", content: "plain" });
  }
});

test("queued messages are handled one after the other, and each is acked when its listeners are done", async () => {
  const made = follower();
  const connection = await node.session(made, ["ack"]);
  const events: string[] = [];
  const first = Promise.withResolvers<void>();
  made.on("message", async ({ rule, content, id, seq }) => {
    events.push(`begin ${rule} ${content} ${id} ${seq}`);
    if (seq === 1) await first.promise;
    events.push(`end ${id}`);
  });
  connection.send(says.message(1));
  connection.send(says.message(2, "a::b"));
  await waitFor("the first to begin", () => events.length === 1);
  first.resolve();
  expect(await acked(connection)).toEqual({ id: "m1" });
  expect(await acked(connection)).toEqual({ id: "m2" });
  expect(events).toEqual(["begin chat content 1 m1 1", "end m1", "begin chat a::b m2 2", "end m2"]);
});

test("a message that comes again after it was handled is acked at once and not handed out", async () => {
  const made = follower();
  let connection = await node.session(made, ["ack"]);
  const heard: string[] = [];
  made.onMessage((_, content) => heard.push(content));
  connection.send(says.message(1));
  await acked(connection);
  connection = await again(made, connection);
  connection.send(says.message(1));
  connection.send(says.message(2));
  expect([await acked(connection), await acked(connection)]).toEqual([{ id: "m1" }, { id: "m2" }]);
  expect(heard).toEqual(["content 1", "content 2"]);
});

test("when the session ends while a listener runs, the ack goes out when the message comes again", async () => {
  const made = follower();
  const connection = await node.session(made, ["ack"]);
  const release = Promise.withResolvers<void>();
  let calls = 0;
  made.onMessage(() => {
    calls += 1;
    return release.promise;
  });
  connection.send(says.message(1));
  await waitFor("the listener to run", () => calls === 1);
  const next = await again(made, connection);
  next.send(says.message(1));
  release.resolve();
  expect(await acked(next)).toEqual({ id: "m1" });
  expect(calls).toBe(1);
});

test("what waited behind it when the session ended is not begun before it comes again", async () => {
  const made = follower();
  const connection = await node.session(made, ["ack"]);
  const release = Promise.withResolvers<void>();
  const heard: string[] = [];
  made.onMessage((_, content) => {
    heard.push(content);
    return release.promise;
  });
  connection.send(says.message(1));
  connection.send(says.message(2));
  const barrier = nextEvent(made, "status");
  connection.send({ type: "status_update", payload: { identifier, status: "online" } });
  await barrier;
  const gone = nextEvent(made, "disconnected");
  connection.cut();
  const end = await gone;
  release.resolve();
  clock.advance(end.willReconnect ? end.inMs : 0);
  const next = await node.stub.nextConnection();
  await authenticate(next, ["ack"]);
  await reached(made, "authenticated");
  expect(heard).toEqual(["content 1"]);
  // The second expired meanwhile.
  next.send(says.message(1));
  next.send(says.message(3));
  expect([await acked(next), await acked(next)]).toEqual([{ id: "m1" }, { id: "m3" }]);
  expect(heard).toEqual(["content 1", "content 3"]);
});

test("a listener that fails is called again after 1, 2, 4 and 8 s, alone; then the message is rejected without its text", async () => {
  const made = follower();
  const connection = await node.session(made, ["ack"]);
  let fine = 0;
  let failing = 0;
  made.onMessage((_, content) => {
    if (content === "content 1") fine += 1;
  });
  made.onMessage((_, content) => {
    if (content !== "content 1") return;
    failing += 1;
    throw new Error("MARKER");
  });
  const failed = nextEvent(made, "message_failed");
  connection.send(says.message(1));
  connection.send(says.message(2));
  for (const [tries, ms] of [
    [1, 1_000],
    [2, 2_000],
    [3, 4_000],
    [4, 8_000],
  ] as const) {
    await waitFor(`try ${tries} to fail`, () => clock.pending.some(({ inMs }) => inMs === ms));
    expect(failing).toBe(tries);
    clock.advance(ms);
  }
  expect(await failed).toEqual({ id: "m1", seq: 1, rule: "chat", tries: 5 });
  expect(await acked(connection)).toEqual({ id: "m1", status: "rejected", reason: "handler_failed" });
  expect(await acked(connection)).toEqual({ id: "m2" });
  expect(fine).toBe(1);
});

test("without a listener nothing is acked; when there is one, it is given what waited", async () => {
  const made = follower();
  const connection = await node.session(made, ["ack"]);
  const told = nextEvent(made, "gap");
  connection.send(says.message(1));
  connection.send({ type: "gap", payload: { fromSeq: 2, toSeq: 4, reason: "expired" } });
  expect(await told).toEqual({ fromSeq: 2, toSeq: 4, reason: "expired" });
  expect(vi.mocked(process.emitWarning)).toHaveBeenCalledExactlyOnceWith(
    expect.stringContaining("onMessage"),
    expect.anything(),
  );
  const heard = nextEvent(made, "message");
  expect(await heard).toMatchObject({ id: "m1" });
  expect(await acked(connection)).toEqual({ id: "m1" });
});

test("a node that sends without end is left, and asked again", async () => {
  const made = follower();
  const connection = await node.session(made, ["ack"]);
  const release = Promise.withResolvers<void>();
  made.onMessage(() => release.promise);
  const gone = nextEvent(made, "disconnected");
  for (let seq = 1; seq <= MOST_WAITING + 1; seq += 1) connection.send(says.message(seq));
  expect(await gone).toMatchObject({
    code: 1006,
    reason: expect.stringContaining("more messages"),
    willReconnect: true,
  });
  release.resolve();
});

test("close waits for the listener that runs, so that the state is not given back before the message is remembered", async () => {
  const state = createMemoryState(paired);
  const steps: string[] = [];
  const made = node.follower({
    clock,
    state: {
      ...state,
      handled: {
        load: () => Promise.resolve([]),
        add: (id) => {
          steps.push(`remembered ${id}`);
          return Promise.resolve();
        },
      },
      close: () => {
        steps.push("closed");
        return Promise.resolve();
      },
    },
  });
  const connection = await node.session(made, ["ack"]);
  const release = Promise.withResolvers<void>();
  made.onMessage(() => {
    steps.push("begun");
    return release.promise;
  });
  connection.send(says.message(1));
  await waitFor("the listener to run", () => steps.length === 1);
  const closed = made.close();
  release.resolve();
  await closed;
  expect(steps).toEqual(["begun", "remembered m1", "closed"]);
});

test("a listener that closes its follower is not waited for for ever", async () => {
  const made = follower();
  const connection = await node.session(made, ["ack"]);
  const closed = new Promise((resolve) =>
    made.onMessage(async () => {
      const closing = made.close();
      await waitFor("the wait for the listener", () => clock.pending.some(({ inMs }) => inMs === 5_000));
      clock.advance(5_000);
      await closing;
      resolve(undefined);
    }),
  );
  connection.send(says.message(1));
  await closed;
});

test("a memory that cannot be written is told, and the message is acked all the same", async () => {
  const made = node.follower({
    clock,
    state: {
      ...createMemoryState(paired),
      handled: {
        load: () => Promise.resolve(["m1"]),
        add: () => Promise.reject(Object.assign(new Error("MARKER"), { code: "ENOSPC" })),
      },
    },
  });
  const heard: string[] = [];
  made.onMessage((_, content) => heard.push(content));
  const connection = await node.session(made, ["ack"]);
  connection.send(says.message(1));
  connection.send(says.message(2));
  expect([await acked(connection), await acked(connection)]).toEqual([{ id: "m1" }, { id: "m2" }]);
  expect(heard).toEqual(["content 2"]);
  expect(vi.mocked(process.emitWarning)).toHaveBeenCalledExactlyOnceWith(
    expect.stringContaining("ENOSPC"),
    expect.anything(),
  );
});
