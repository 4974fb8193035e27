import { mkdirSync, mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sourcesDigest } from "./sourcesDigest.mjs";

let root: string;
const write = (path: string, content = "") => {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
};
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "yonexus-sources-"));
  for (const path of [
    "plugin/index.ts",
    "protocol/wire/a.ts",
    "protocol/redis/lua/a.lua",
    "node/main.ts",
    "coordinator/main.ts",
  ]) {
    write(path, path);
  }
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe("sourcesDigest", () => {
  it.each([
    "plugin/index.ts",
    "plugin/skills/a/SKILL.md",
    "protocol/redis/lua/a.lua",
    "node/b/c.json",
    "coordinator/main.ts",
    "package-lock.json",
    "LICENSE",
  ])("changes with %s", (path) => {
    const before = sourcesDigest(root);
    write(path, "other");
    expect(sourcesDigest(root)).not.toBe(before);
    expect(before).toMatch(/^[0-9a-f]{64}$/u);
  });

  it("changes with the name of a file", () => {
    const before = sourcesDigest(root);
    renameSync(join(root, "node/main.ts"), join(root, "node/other.ts"));
    expect(sourcesDigest(root)).not.toBe(before);
  });

  it.each([
    "plugin/dist/index.js",
    "plugin/build/install.mjs",
    "plugin/node_modules/a/index.js",
    "plugin/core/a.test.ts",
    "protocol/wire/a.test.ts",
    "protocol/dist/wire/a.js",
    "protocol/PROTOCOL.md",
    "scripts/main.ts",
  ])("does not change with %s", (path) => {
    const before = sourcesDigest(root);
    write(path, "other");
    expect(sourcesDigest(root)).toBe(before);
  });

  it("does not change with the time of a file", () => {
    const before = sourcesDigest(root);
    utimesSync(join(root, "plugin/index.ts"), 1, 1);
    expect(sourcesDigest(root)).toBe(before);
  });
});
