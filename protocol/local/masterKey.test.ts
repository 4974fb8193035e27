import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadConfig } from "../config/index.ts";
import { loadMasterKey, masterKeyPath, masterKeyWarning } from "./masterKey.ts";

describe("the master key of a data folder", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "yonexus-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("is made once, for its owner's eyes only, and kept", () => {
    const key = loadMasterKey(folder);
    expect(loadMasterKey(folder)).toBe(key);
    expect(statSync(join(folder, "master.key")).mode & 0o777).toBe(0o600);
    expect(loadConfig({ env: { YONEXUS_MASTER_KEY: key } }).masterKeys).toHaveLength(1);
  });

  it("that others may read or change is warned of, with the command that closes it", () => {
    loadMasterKey(folder);
    expect(masterKeyWarning(folder)).toBeUndefined();
    for (const mode of [0o640, 0o604, 0o620]) {
      chmodSync(masterKeyPath(folder), mode);
      expect(masterKeyWarning(folder)).toContain(`chmod 600 ${masterKeyPath(folder)}`);
    }
  });

  it("that is not there yet is nothing to warn of", () => {
    expect(masterKeyWarning(folder)).toBeUndefined();
  });

  it.each(["", "short", "not base64 at all!"])("that was damaged to %j is refused, not replaced", (text) => {
    writeFileSync(join(folder, "master.key"), text);
    expect(() => loadMasterKey(folder)).toThrow(/holds no master key/u);
  });
});
