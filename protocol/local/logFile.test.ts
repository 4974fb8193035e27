import { closeSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { boundLog, openLog } from "./logFile.ts";

it("a log is appended to, and begins anew once it is long, also under its writer", () => {
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

    const running = openLog(path, 64);
    writeSync(running, "x".repeat(64));
    boundLog(path, 64);
    writeSync(running, "after\n");
    closeSync(running);
    expect(readFileSync(path, "utf8")).toBe("after\n");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
