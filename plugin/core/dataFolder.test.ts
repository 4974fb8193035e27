import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DataFolder } from "./dataFolder.ts";

/** Looks at one file after the other without a pause, until each holds something, and tells what it saw before that. */
const READER = `
const { readFileSync } = require("node:fs");
const { parentPort, workerData } = require("node:worker_threads");
const read = (path) => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
};
parentPort.postMessage("ready");
const seen = workerData.flatMap((path) => {
  const early = [];
  for (let text = read(path); !text; text = read(path)) if (text === "") early.push(path);
  return early;
});
parentPort.postMessage(seen);
`;

describe("the name of a gateway", () => {
  let stateDir: string;
  let path: string;
  beforeEach(() => {
    stateDir = mkdtempSync(join(tmpdir(), "folder-"));
    path = join(stateDir, "yonexus-server", "gateway.id");
  });
  afterEach(() => rmSync(stateDir, { recursive: true, force: true }));

  it("is made once, for its user's eyes, and kept", () => {
    const id = new DataFolder(stateDir).gatewayId();
    expect(id).toMatch(/^[0-9a-f]{12}$/u);
    expect(new DataFolder(stateDir).gatewayId()).toBe(id);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(stateDir, "yonexus-server"))).toEqual(["gateway.id"]);
  });

  it.each(["", "half", "../../../etc"])("that was damaged to %j is made anew", (text) => {
    mkdirSync(join(stateDir, "yonexus-server"));
    writeFileSync(path, text);
    const id = new DataFolder(stateDir).gatewayId();
    expect(id).toMatch(/^[0-9a-f]{12}$/u);
    expect(new DataFolder(stateDir).gatewayId()).toBe(id);
  });

  it("that cannot be read is no reason to go without one", () => {
    mkdirSync(path, { recursive: true });
    expect(() => new DataFolder(stateDir).gatewayId()).toThrow("EISDIR");
  });

  it("is there whole or not at all for another process that starts at the same moment", async () => {
    const folders = Array.from({ length: 200 }, (_, round) => join(stateDir, String(round)));
    const workerData = folders.map((folder) => join(folder, "yonexus-server", "gateway.id"));
    const reader = new Worker(READER, { eval: true, workerData });
    await once(reader, "message");
    const told = once(reader, "message");
    for (const folder of folders) new DataFolder(folder).gatewayId();
    expect(await told).toEqual([[]]);
  });
});
