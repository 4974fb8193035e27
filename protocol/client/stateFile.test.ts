import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { StateFileError } from "./errors.ts";
import { newSavedState, type SavedState } from "./savedState.ts";
import { createStateFile } from "./stateFile.ts";

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "yonexus-state-"));
  path = join(folder, "edge.json");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const modeOf = async (file: string) => (await stat(file)).mode & 0o777;

async function write(state: SavedState): Promise<void> {
  const store = createStateFile(path);
  await store.open(state.identifier);
  await store.save(state);
  await store.close();
}

/** The refusal of `open`; the file must be as it was. */
async function refusal(identifier = "edge"): Promise<StateFileError> {
  const before = await readFile(path, "utf8");
  const error = await createStateFile(path)
    .open(identifier)
    .catch((caught: unknown) => caught);
  expect(await readFile(path, "utf8")).toBe(before);
  if (error instanceof StateFileError) return error;
  throw new Error("the state file was not refused");
}

test("the file is made with mode 0600, in a folder that is made for it, and holds what was saved", async () => {
  path = join(folder, "deep", "er", "edge.json");
  const state = { ...newSavedState("edge"), secret: "s1", pairedAt: 5, url: "ws://a/" };
  const store = createStateFile(path);
  expect(await store.open("edge")).toBeUndefined();
  await store.save(state);
  expect(await modeOf(path)).toBe(0o600);
  expect(await modeOf(join(folder, "deep"))).toBe(0o700);
  await store.close();
  expect(await createStateFile(path).open("edge")).toEqual(state);
});

test("nothing but the file is left when the follower has closed it", async () => {
  await write(newSavedState("edge"));
  expect(await readdir(folder)).toEqual(["edge.json"]);
});

test("a file that others can read or write is refused with the command that mends it", async () => {
  await write({ ...newSavedState("edge"), secret: "MARKER" });
  for (const mode of [0o640, 0o604, 0o620, 0o601]) {
    await chmod(path, mode);
    const error = await refusal();
    expect(error.code).toBe("state_readable_by_others");
    expect(error.message).toContain(`chmod 600 ${path}`);
    expect(error.message).not.toContain("MARKER");
  }
});

test("a file of another identifier is refused", async () => {
  await write(newSavedState("edge"));
  const error = await refusal("other");
  expect(error.code).toBe("state_of_another_identifier");
  expect(error.message).toMatch(/"edge", not to "other"/);
});

test("a damaged file is refused, never overwritten, and its content is not shown", async () => {
  const good = { ...newSavedState("edge"), secret: "MARKER" };
  const damaged = [
    "",
    "MARKER",
    "[]",
    JSON.stringify(good).slice(0, -9),
    JSON.stringify({ ...good, version: 2 }),
    JSON.stringify({ ...good, identifier: 7 }),
    JSON.stringify({ ...good, publicKey: newSavedState("edge").publicKey }),
    JSON.stringify({ ...good, secretKey: good.publicKey }),
    JSON.stringify({ ...good, secret: "" }),
    `${JSON.stringify(good)}${" ".repeat(70_000)}`,
  ];
  for (const text of damaged) {
    await writeFile(path, text, { mode: 0o600 });
    const error = await refusal();
    expect(error.code).toBe("state_corrupt");
    expect(error.message).toMatch(/move it away/);
    expect(`${error.message}${error.stack}`).not.toContain("MARKER");
    await rm(path);
  }
});

test("a file in use is refused to a second follower, until the first one gives it back", async () => {
  const first = createStateFile(path);
  await first.open("edge");
  await expect(createStateFile(path).open("edge")).rejects.toMatchObject({
    code: "state_locked",
    message: expect.stringContaining(`process ${process.pid}`),
  });
  await expect(first.open("edge")).rejects.toMatchObject({ code: "state_locked" });
  await first.close();
  await createStateFile(path).open("edge");
});

test("the lock holds for a file that is reached through a link", async () => {
  await write(newSavedState("edge"));
  const alias = join(folder, "alias.json");
  await symlink(path, alias);
  const store = createStateFile(alias);
  await store.open("edge");
  await expect(createStateFile(path).open("edge")).rejects.toMatchObject({ code: "state_locked" });
  await store.save(newSavedState("edge"));
  expect((await readdir(folder)).filter((name) => name.endsWith(".json")).sort()).toEqual(["alias.json", "edge.json"]);
  expect(await readFile(alias, "utf8")).toBe(await readFile(path, "utf8"));
});

test("the lock of a process that is gone is taken over", async () => {
  const child = spawn(process.execPath, ["-e", ""]);
  await once(child, "exit");
  const stale = [
    { pid: child.pid, host: hostname(), startedAt: 1 },
    // The same pid in an earlier run, as in a container.
    { pid: process.pid, host: hostname(), startedAt: 1 },
    "torn",
  ];
  for (const holder of stale) {
    await writeFile(`${path}.lock`, JSON.stringify(holder));
    const store = createStateFile(path);
    await store.open("edge");
    await store.close();
  }
  expect(await readdir(folder)).toEqual([]);
});

test("the lock of a process whose pid another process has now is taken over", async () => {
  // This test's parent runs, and is not the one that made the lock.
  const holder = { pid: process.ppid, host: hostname(), startedAt: 1, started: "another boot/1" };
  await writeFile(`${path}.lock`, JSON.stringify(holder));
  const store = createStateFile(path);
  await store.open("edge");
  await store.close();
});

test("of many followers that find the same stale lock, exactly one gets the file", async () => {
  for (let round = 0; round < 20; round += 1) {
    await writeFile(`${path}.lock`, JSON.stringify({ pid: process.pid, host: hostname(), startedAt: round }));
    const stores = Array.from({ length: 8 }, () => createStateFile(path));
    const results = await Promise.allSettled(stores.map((store) => store.open("edge")));
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    await Promise.all(stores.map((store) => store.close()));
    expect(await readdir(folder)).toEqual([]);
  }
});

test("a lock of another machine is believed, and the message names the file to delete", async () => {
  await writeFile(`${path}.lock`, JSON.stringify({ pid: 1, host: "elsewhere", startedAt: 1 }));
  await expect(createStateFile(path).open("edge")).rejects.toMatchObject({
    code: "state_locked",
    message: expect.stringMatching(/process 1 on elsewhere.*delete .*edge\.json\.lock/),
  });
});

test("a folder that cannot be used is told as such", async () => {
  await writeFile(join(folder, "file"), "");
  await expect(createStateFile(join(folder, "file", "edge.json")).open("edge")).rejects.toMatchObject({
    code: "state_inaccessible",
  });
});

test("whoever reads while the state is saved finds the old one or the new one, whole", async () => {
  const states = ["a".repeat(10), "b".repeat(200)].map((secret) => ({ ...newSavedState("edge"), secret }));
  await write(newSavedState("edge"));
  const store = createStateFile(path);
  await store.open("edge");
  let saving = true;
  const reading = (async () => {
    while (saving) expect(JSON.parse(await readFile(path, "utf8"))).toMatchObject({ identifier: "edge" });
  })();
  for (let round = 0; round < 20; round += 1) for (const state of states) await store.save(state);
  saving = false;
  await reading;
});

const writer = `
  const [source, path, lifeMs] = process.argv.slice(1);
  const { createStateFile } = await import(source);
  const store = createStateFile(path);
  const state = await store.open("edge");
  setTimeout(() => process.kill(process.pid, "SIGKILL"), Number(lifeMs));
  for (let round = 0; ; round += 1) await store.save({ ...state, secret: String(round % 10).repeat(50 + (round % 100)) });
`;

test("a writer killed at any moment leaves the old state or the new one, whole, and the next run cleans up", async () => {
  await write({ ...newSavedState("edge"), secret: "first" });
  const source = new URL("./stateFile.ts", import.meta.url).href;
  // The lives differ so that the kills hit different instants of a save.
  for (const lifeMs of [2, 5, 9, 14]) {
    const child = spawn(
      process.execPath,
      ["--conditions=source", "--input-type=module", "-e", writer, source, path, String(lifeMs)],
      { stdio: "inherit" },
    );
    expect(await once(child, "exit")).toEqual([null, "SIGKILL"]);
    const store = createStateFile(path);
    const state = await store.open("edge");
    expect(state?.secret === "first" || /^(\d)\1{49,148}$/.test(state?.secret ?? "")).toBe(true);
    await store.close();
    expect(await readdir(folder)).toEqual(["edge.json"]);
  }
}, 60_000);
