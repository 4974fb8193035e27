import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createStateFile, newSavedState } from "@yonexus/protocol/client";
import type { MessageAckStatus, MessageRejectedReason } from "@yonexus/protocol/wire";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { authenticate, identifier, ScriptedNode, says } from "../../../test/support/scriptedNode.ts";
import { waitFor } from "../../../test/support/waitFor.ts";
import type { StubConnection } from "../../../test/support/wsStub.ts";

let folder: string;
let node: ScriptedNode;
let child: ChildProcess | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "yonexus-follow-"));
  node = await ScriptedNode.start();
});
afterEach(async () => {
  child?.kill("SIGKILL");
  await node.stop();
  await rm(folder, { recursive: true, force: true });
});

/** A paired follower at a terminal of its own, in a session with acks. */
async function follow(json: boolean) {
  const stateFile = join(folder, "edge.json");
  const state = createStateFile(stateFile);
  await state.open(identifier);
  await state.save({ ...newSavedState(identifier), secret: "shared-secret", pairedAt: 1 });
  await state.close();
  const place = JSON.stringify({ url: [node.stub.url], identifier, stateFile });
  const code = `
    import { runFollower } from ${JSON.stringify(new URL("./runFollower.ts", import.meta.url).href)};
    await runFollower(${place}, ${json});`;
  const started = spawn(process.execPath, ["--conditions=source", "--input-type=module", "--eval", code], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  child = started;
  const said = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    started[stream].on("data", (text: Buffer) => {
      said[stream] += text.toString();
    });
  }
  const connection = await node.stub.nextConnection();
  await authenticate(connection, ["ack"]);
  const heard = (stream: keyof typeof said, text: string) =>
    waitFor(`the follower to say ${text}`, () => said[stream].includes(text));
  await heard("stdout", json ? '"authenticated"' : "Connected as");
  return { connection, said, heard, type: (line: string) => started.stdin.write(`${line}\n`) };
}

/** The next message, answered. */
async function answer(connection: StubConnection, status?: MessageAckStatus, reason?: MessageRejectedReason) {
  const { id, rule, content } = (await connection.read("message")).payload;
  connection.send(says.ack(id, status, reason));
  return { rule, content };
}

describe("a follower at a terminal whose server acknowledges", () => {
  it("says nothing of what was accepted, and in a sentence why something was not", async () => {
    const { connection, said, heard, type } = await follow(false);
    type("chat::hello::you");
    expect(await answer(connection)).toEqual({ rule: "chat", content: "hello::you" });
    type("nobody::hello");
    await answer(connection, "rejected", "unknown_rule");
    await heard("stderr", "Nobody handles the rule nobody.");
    expect(said.stderr.split("\n")).toHaveLength(2);
    expect(said.stdout.split("\n")).toHaveLength(2);
  });

  it("shows a queued message and acks it, and says what will not come", async () => {
    const { connection, heard } = await follow(false);
    connection.send({ type: "gap", payload: { fromSeq: 1, toSeq: 2, reason: "expired" } });
    connection.send(says.message(3));
    expect((await connection.read("message_ack")).payload).toEqual({ id: "m3" });
    await heard("stdout", "2 queued messages for edge will not come (expired).\nchat  content 3\n");
  });

  it("with --json tells what became of each message", async () => {
    const { connection, said, heard, type } = await follow(true);
    type("chat::one");
    await answer(connection, "duplicate");
    await heard("stdout", '"sent"');
    type("nobody::two");
    await answer(connection, "rejected", "unknown_rule");
    await heard("stdout", '"send_failed"');
    connection.send(says.message(3));
    await connection.read("message_ack");
    await heard("stdout", '"seq":3');
    const events = said.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(events.slice(1)).toEqual([
      { event: "sent", rule: "chat", reached: "accepted", messageId: expect.any(String), duplicate: true },
      { event: "send_failed", rule: "nobody", code: "unknown_rule" },
      { event: "message", rule: "chat", content: "content 3", id: "m3", seq: 3 },
    ]);
  });
});
