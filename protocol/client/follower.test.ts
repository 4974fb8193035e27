import { afterEach, beforeEach, expect, test } from "vitest";
import { authenticate, identifier, ScriptedNode, says } from "../../test/support/scriptedNode.ts";
import { createFollower, createMemoryState, newSavedState, type SavedState } from "./index.ts";

const pairedState: SavedState = { ...newSavedState(identifier), secret: "shared-secret", pairedAt: 1 };

let node: ScriptedNode;
beforeEach(async () => {
  node = await ScriptedNode.start();
});
afterEach(() => node.stop());

test("a follower whose clock is minutes off signs with the node's time", async () => {
  const made = node.follower({ state: createMemoryState(pairedState) });
  const connected = made.connect();
  const connection = await node.stub.nextConnection();
  await connection.read("hello");
  const nodeTime = Math.floor(Date.now() / 1000) + 500;
  connection.send(says.helloAck("auth_required", nodeTime));
  const { proofTimestamp } = (await connection.read("auth_request")).payload;
  expect(Math.abs(proofTimestamp - nodeTime)).toBeLessThanOrEqual(2);
  connection.send(says.authSuccess());
  await connected;
});

test("a message is given to every listener, split at the first separator, and one that throws disturbs nobody", async () => {
  const made = node.follower({ state: createMemoryState(pairedState) });
  const connection = await node.session(made);
  const warned = new Promise<Error>((resolve) => process.once("warning", resolve));
  const heard: string[] = [];
  made.onMessage(() => {
    throw new Error("MARKER");
  });
  const remove = made.onMessage((rule, content) => heard.push(`${rule}|${content}`));
  const second = new Promise((resolve) => made.on("message", ({ content }) => content === "two" && resolve(content)));
  connection.sendText("chat::one::1");
  connection.sendText("chat::two");
  await second;
  expect(heard).toEqual(["chat|one::1", "chat|two"]);
  const warning = await warned;
  expect(warning.name).toBe("FollowerListenerWarning");
  expect(`${warning.stack}${"detail" in warning ? warning.detail : ""}`).not.toContain("MARKER");
  remove();
});

test("a frame that cannot be read is told and ignored, also a binary one", async () => {
  const made = node.follower({ state: createMemoryState(pairedState) });
  const connection = await node.session(made);
  const bad: string[] = [];
  made.on("bad_frame", ({ reason }) => bad.push(reason));
  const status = new Promise((resolve) => made.on("status", resolve));
  connection.sendText("builtin::{");
  connection.sendBinary(Uint8Array.of(1));
  connection.send({ type: "status_update", payload: { identifier, status: "unstable", reason: "late" } });
  expect(await status).toEqual({ status: "unstable", reason: "late" });
  expect(bad).toHaveLength(2);
  expect(made.status).toBe("unstable");
});

test("what is sent arrives in order; a wrong rule, a long message and a missing session are refused", async () => {
  const made = node.follower({ state: createMemoryState(pairedState) });
  const connection = await node.session(made);
  await Promise.all([made.send("chat", "one"), made.send("chat", "a::b")]);
  expect(await connection.readText()).toBe("chat::one");
  expect(await connection.readText()).toBe("chat::a::b");
  await expect(made.send("builtin", "x")).rejects.toMatchObject({ code: "INVALID_RULE" });
  await expect(made.send("chat", "é".repeat(32_766))).rejects.toMatchObject({ code: "message_too_large" });
  await made.send("chat", "é".repeat(32_765));
  await made.close();
  await expect(made.send("chat", "x")).rejects.toMatchObject({ code: "not_connected" });
});

test("a follower that sends faster than the network takes is told so, and memory stays bounded", async () => {
  const made = node.follower({ state: createMemoryState(pairedState), maxBufferedBytes: 100_000 });
  const connection = await node.session(made);
  connection.freeze();
  const results: Promise<unknown>[] = [];
  const text = "x".repeat(60_000);
  // The kernel takes some megabytes before anything waits.
  const overload = async () => {
    for (let count = 0; count < 1_000; count += 1) {
      const sent = made.send("chat", text).catch((error: unknown) => error);
      results.push(sent);
      const soon = await Promise.race([sent, new Promise((resolve) => setImmediate(resolve, "waiting"))]);
      if (soon instanceof Error) return soon;
    }
    return undefined;
  };
  expect(await overload()).toMatchObject({ code: "overloaded" });
  connection.cut();
  const late = await Promise.all(results);
  expect(
    late.filter((result) => result instanceof Error && result.name === "NotConnectedError").length,
  ).toBeGreaterThan(0);
});

test("a second connect joins the first, and one with a session resolves at once", async () => {
  const made = node.follower({ state: createMemoryState(pairedState) });
  const both = Promise.all([made.connect(), made.connect()]);
  await authenticate(await node.stub.nextConnection());
  await both;
  await made.connect();
  expect(node.stub.connections).toBe(1);
});

test("a state file that cannot be used rejects connect with its own error", async () => {
  const other = createMemoryState();
  const made = node.follower({ state: { ...other, open: () => Promise.reject(new Error("no")) } });
  const stopped = new Promise((resolve) => made.on("stopped", resolve));
  await expect(made.connect()).rejects.toThrow("no");
  expect(await stopped).toMatchObject({ code: "state_refused" });
});

test.each([
  [{ url: "http://host/" }, /url must be/],
  [{ url: "ws://host/#part" }, /url must be/],
  [{ identifier: "-x" }, /identifier must be/],
  [{ reconnect: { minMs: 5, maxMs: 1 } }, /reconnect.minMs/],
  [{ heartbeatIntervalMs: 0 }, /heartbeatIntervalMs/],
])("the option in %o is refused with what it must be", (wrong, message) => {
  expect(() => createFollower({ url: "ws://h/", identifier, state: createMemoryState(), ...wrong })).toThrow(message);
});
