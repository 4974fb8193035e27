import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readClusterFile, removeClusterFile, writeClusterFile } from "./clusterFile.ts";

describe("the file of a running cluster", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "yonexus-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const contents = { redis: "redis://:hidden@localhost", keyPrefix: "yonexus", nodes: ["ws://127.0.0.1:1"], pid: 1 };

  it("tells other commands where the cluster is, and is gone when the cluster is", () => {
    writeClusterFile(folder, contents);
    expect(readClusterFile(folder)).toEqual(contents);
    removeClusterFile(folder);
    expect(readClusterFile(folder)).toBeUndefined();
  });

  it("is readable by its owner alone, since the URL may hold a password", () => {
    writeClusterFile(folder, contents);
    expect(statSync(join(folder, "cluster.json")).mode & 0o777).toBe(0o600);
  });

  it.each(["", "{", "[]", '{"redis":1}'])("with the contents %j counts as none", (text) => {
    writeFileSync(join(folder, "cluster.json"), text);
    expect(readClusterFile(folder)).toBeUndefined();
  });
});
