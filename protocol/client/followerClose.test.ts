import { afterEach, beforeEach, expect, test } from "vitest";
import { ManualClock } from "../../test/support/manualClock.ts";
import { identifier, reached, ScriptedNode, says } from "../../test/support/scriptedNode.ts";
import { createMemoryState, type Follower, newSavedState } from "./index.ts";

const paired = { ...newSavedState(identifier), secret: "shared-secret", pairedAt: 1 };

let node: ScriptedNode;
let clock: ManualClock;
beforeEach(async () => {
  node = await ScriptedNode.start();
  clock = new ManualClock();
});
afterEach(() => node.stop());

/** A paired follower on the manual clock. */
function follower(): Follower {
  return node.follower({ state: createMemoryState(paired), clock });
}

/** Brings a fresh follower into a phase; the promises that must settle when it is closed there. */
const phases: Readonly<Record<string, (made: Follower) => Promise<readonly Promise<unknown>[]>>> = {
  async opening(made) {
    return [made.connect()];
  },
  async connecting(made) {
    node.stub.refuseNext(undefined);
    const connected = made.connect();
    await reached(made, "connecting");
    return [connected];
  },
  async greeting(made) {
    const connected = made.connect();
    await (await node.stub.nextConnection()).read("hello");
    return [connected];
  },
  async pairing(made) {
    await node.pairing(made);
    return [made.connect()];
  },
  async confirming(made) {
    const connection = await node.pairing(made);
    const settled = [made.connect(), made.pair("AAAA-AAAA")];
    await connection.read("pair_confirm");
    return settled;
  },
  async authenticating(made) {
    const connected = made.connect();
    const connection = await node.stub.nextConnection();
    await connection.read("hello");
    connection.send(says.helloAck("auth_required"));
    await connection.read("auth_request");
    return [connected];
  },
  async ending(made) {
    const connected = made.connect();
    const connection = await node.stub.nextConnection();
    await connection.read("hello");
    connection.send(says.helloAck("rejected"));
    await reached(made, "ending");
    return [connected];
  },
  async waiting(made) {
    node.stub.refuseNext(503);
    const connected = made.connect();
    await reached(made, "waiting");
    return [connected];
  },
};

test.each(Object.keys(phases))("close while %s settles every promise, and nothing comes after it", async (name) => {
  const made = follower();
  const promises = (await phases[name]?.(made)) ?? [];
  expect(made.state.phase).toBe(name);
  const settled = Promise.allSettled(promises);
  await made.close();
  for (const result of await settled) {
    expect(result).toMatchObject({
      status: "rejected",
      reason: { name: expect.stringMatching(/ClosedError|PairFailed/) },
    });
  }
  const { connections } = node.stub;
  clock.advance(86_400_000);
  expect(clock.pending).toEqual([]);
  expect(node.stub.connections).toBe(connections);
  expect(made.state).toEqual({ phase: "closed" });
  await expect(made.connect()).rejects.toMatchObject({ code: "closed" });
  await expect(made.pair("AAAA-AAAA")).rejects.toMatchObject({ reason: "closed" });
  await made.close();
});

test("close of a session says goodbye to the node; a node that does not answer is left", async () => {
  const polite = follower();
  const connection = await node.session(polite);
  await polite.close();
  expect(await connection.closed).toBe(1000);

  const left = follower();
  (await node.session(left)).freeze();
  const gone = left.close();
  clock.advance(2_000);
  await gone;
});

test("close inside a listener is in order", async () => {
  const made = follower();
  const closed = new Promise((resolve) => made.on("disconnected", () => resolve(made.close())));
  (await node.session(made)).cut();
  await closed;
  expect(clock.pending).toEqual([]);
});
