import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openDataDir } from "./dataDir.ts";
import { lockFolder } from "./folderLock.ts";
import { LocalError } from "./localError.ts";

describe("the lock of a data folder", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "yonexus-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("lets one cluster in and refuses the second with a sentence that names the folder and how to choose another", () => {
    const dir = openDataDir(folder, "name another folder with --folder");
    const lock = lockFolder(dir);
    expect(() => lockFolder(dir)).toThrow(LocalError);
    expect(() => lockFolder(dir)).toThrow(folder);
    expect(() => lockFolder(dir)).toThrow(/name another folder with --folder\.$/u);
    lock.release();
    lockFolder(dir).release();
  });

  it("names what to do where the folder cannot be used", () => {
    writeFileSync(join(folder, "file"), "");
    const open = () => openDataDir(join(folder, "file"), "use another OpenClaw profile");
    expect(open).toThrow(LocalError);
    expect(open).toThrow(/Mend that, or use another OpenClaw profile\.$/u);
  });

  it.each([
    ["a process that is gone", JSON.stringify({ pid: 2 ** 22 + 1, started: "" })],
    ["an earlier process with this pid", JSON.stringify({ pid: process.pid, started: "another boot/1" })],
    ["nobody who can be read", ""],
  ])("is taken over from %s", (_, contents) => {
    const dir = openDataDir(folder, "name another folder with --folder");
    writeFileSync(join(folder, "up.lock"), contents);
    const lock = lockFolder(dir);
    expect(lock.wasLeftBehind).toBe(true);
    expect(() => lockFolder(dir)).toThrow(LocalError);
    lock.release();
  });
});
