import { closeSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openLog } from "./logFile.ts";

it("a log is appended to, and put aside once it is long", () => {
  const folder = mkdtempSync(join(tmpdir(), "yonexus-"));
  const path = join(folder, "node-1.log");
  const append = (text: string) => {
    const log = openLog(path, 8);
    writeSync(log, text);
    closeSync(log);
  };
  try {
    append("one\n");
    append("two, long\n");
    expect(readFileSync(path, "utf8")).toBe("one\ntwo, long\n");
    expect(existsSync(`${path}.1`)).toBe(false);
    append("three\n");
    expect(readFileSync(path, "utf8")).toBe("three\n");
    expect(readFileSync(`${path}.1`, "utf8")).toBe("one\ntwo, long\n");
    expect(statSync(path).mode & 0o777).toBe(0o600);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
