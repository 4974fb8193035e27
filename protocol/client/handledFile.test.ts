import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { authenticate, identifier, ScriptedNode, says } from "../../test/support/scriptedNode.ts";
import { HandledFile } from "./handledFile.ts";
import { MOST_HANDLED_IDS } from "./handledIds.ts";
import { newSavedState } from "./index.ts";
import { createStateFile } from "./stateFile.ts";

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "yonexus-handled-"));
  path = join(folder, "edge.json.handled");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** What the next run finds. */
async function found(name = "edge"): Promise<readonly string[]> {
  return new HandledFile(path, name).load();
}

async function add(...ids: readonly string[]): Promise<void> {
  const file = new HandledFile(path, "edge");
  await file.load();
  for (const id of ids) await file.add(id);
  await file.close();
}

test("the next run finds the ids in their order, in a file of mode 0600 that is made when it is needed", async () => {
  expect(await found()).toEqual([]);
  expect(await readdir(folder)).toEqual([]);
  await add("m1", "m2");
  await add("m3");
  expect(await found()).toEqual(["m1", "m2", "m3"]);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

test("half a line at the end is dropped, and nothing is joined to it", async () => {
  await add("m1", "m2");
  await appendFile(path, "m3-ha");
  expect(await found()).toEqual(["m1", "m2"]);
  await add("m4");
  expect(await found()).toEqual(["m1", "m2", "m4"]);
  expect(await readFile(path, "utf8")).not.toContain("m3");
});

test.each(["", "handled 1 ed", "\0\0\0\n\0\n", "m1\nm2\n"])("a file that says %j is begun anew", async (text) => {
  await writeFile(path, text);
  expect(await found()).toEqual([]);
  await add("m5");
  expect(await found()).toEqual(["m5"]);
});

test("the ids of another follower are not taken for its own", async () => {
  await add("job-1");
  expect(await found("other")).toEqual([]);
});

test("the file is cut to the last 10,000 ids when it holds twice as many", async () => {
  const ids = Array.from({ length: 2 * MOST_HANDLED_IDS }, (_, index) => `m${index}`);
  await writeFile(path, ["handled 1 edge", ...ids, ""].join("\n"));
  expect(await found()).toEqual(ids.slice(-MOST_HANDLED_IDS));
  await add("last", "very-last");
  const lines = (await readFile(path, "utf8")).split("\n");
  expect(lines).toHaveLength(MOST_HANDLED_IDS + 4);
  expect(await found()).toEqual([...ids.slice(2 - MOST_HANDLED_IDS), "last", "very-last"]);
  expect(await readdir(folder)).toEqual(["edge.json.handled"]);
});

test("only a state file that is open remembers", async () => {
  const store = createStateFile(join(folder, "edge.json"));
  await expect(store.handled?.load()).rejects.toMatchObject({ code: "state_inaccessible" });
  await store.open("edge");
  await store.handled?.add("m1");
  await store.close();
  await expect(store.handled?.add("m2")).rejects.toMatchObject({ code: "state_inaccessible" });
  expect(await found()).toEqual(["m1"]);
});

/** A follower in a process of its own, which says on its output what its listener is given. */
function followerProcess(url: string, stateFile: string): ChildProcess {
  const library = new URL("./index.ts", import.meta.url).href;
  const code = `
    import { createFollower } from ${JSON.stringify(library)};
    const follower = createFollower(${JSON.stringify({ url, identifier, stateFile })});
    follower.onMessage((rule, content) => console.log(content));
    await follower.connect();`;
  return spawn(process.execPath, ["--conditions=source", "--input-type=module", "--eval", code], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

test("a message that was handled before a SIGKILL is acked by the next process and not handled again", async () => {
  const stateFile = join(folder, "edge.json");
  const state = createStateFile(stateFile);
  await state.open(identifier);
  await state.save({ ...newSavedState(identifier), secret: "shared-secret", pairedAt: 1 });
  await state.close();
  const node = await ScriptedNode.start();
  const children: ChildProcess[] = [];
  const run = async () => {
    const child = followerProcess(node.stub.url, stateFile);
    children.push(child);
    const output: string[] = [];
    child.stdout?.on("data", (text: Buffer) => output.push(text.toString()));
    const connection = await node.stub.nextConnection();
    await authenticate(connection, ["ack"]);
    return { child, output, connection };
  };
  try {
    const first = await run();
    first.connection.send(says.message(1));
    // The ack is taken as lost on the way: the id was remembered before it was sent.
    expect((await first.connection.read("message_ack")).payload).toEqual({ id: "m1" });
    const gone = once(first.child, "close");
    first.child.kill("SIGKILL");
    await gone;
    expect(first.output.join("")).toBe("content 1\n");

    const second = await run();
    second.connection.send(says.message(1));
    second.connection.send(says.message(2));
    expect((await second.connection.read("message_ack")).payload).toEqual({ id: "m1" });
    expect((await second.connection.read("message_ack")).payload).toEqual({ id: "m2" });
    const ended = once(second.child, "close");
    second.child.kill("SIGKILL");
    await ended;
    expect(second.output.join("")).toBe("content 2\n");
  } finally {
    for (const child of children) child.kill("SIGKILL");
    await node.stop();
  }
}, 90_000);
