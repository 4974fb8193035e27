import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CliError } from "../cliError.ts";
import { openDataDir } from "./dataDir.ts";
import { lockFolder } from "./folderLock.ts";

describe("the lock of a data folder", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "yonexus-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("lets one cluster in and refuses the second with a sentence that names the folder", () => {
    const dir = openDataDir(folder);
    const lock = lockFolder(dir);
    expect(() => lockFolder(dir)).toThrow(CliError);
    expect(() => lockFolder(dir)).toThrow(folder);
    lock.release();
    lockFolder(dir).release();
  });

  it.each([
    ["a process that is gone", JSON.stringify({ pid: 2 ** 22 + 1, started: "" })],
    ["an earlier process with this pid", JSON.stringify({ pid: process.pid, started: "another boot/1" })],
    ["nobody who can be read", ""],
  ])("is taken over from %s", (_, contents) => {
    const dir = openDataDir(folder);
    writeFileSync(join(folder, "up.lock"), contents);
    const lock = lockFolder(dir);
    expect(lock.wasLeftBehind).toBe(true);
    expect(() => lockFolder(dir)).toThrow(CliError);
    lock.release();
  });
});
