import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const PROGRAM = fileURLToPath(new URL("tally.mjs", import.meta.url));

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "yonexus-tally-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** Writes a report as vitest's JSON reporter does; gives its path. */
function report(name: string, passed: number, testResults: unknown[] = []): string {
  const path = join(folder, `${name}.json`);
  writeFileSync(path, JSON.stringify({ numPassedTests: passed, testResults }));
  return path;
}

function tally(...words: string[]): { code: number | null; lines: string[] } {
  const { status, stdout } = spawnSync(process.execPath, [PROGRAM, ...words], { encoding: "utf8" });
  return { code: status, lines: stdout.trimEnd().split("\n") };
}

describe("the tally of CI", () => {
  it("is one line and no failure when all was well", () => {
    expect(tally(report("tests", 3), "0", report("console", 2), "0", "0")).toEqual({
      code: 0,
      lines: ["5 passed, 0 failed"],
    });
  });

  it("names each failed test and its reason before the sum, without colours and bounded", () => {
    const failing = report("tests", 1, [
      {
        name: join(process.cwd(), "test/redis/session.test.ts"),
        status: "failed",
        message: "",
        assertionResults: [
          { status: "passed", fullName: "a session is owned", failureMessages: [] },
          {
            status: "failed",
            fullName: "a session has one owner",
            failureMessages: [`\u001b[31mexpected 2 to be 1\u001b[39m\n${"    at somewhere\n".repeat(500)}`],
          },
        ],
      },
    ]);
    const { code, lines } = tally(failing, "1", "0");
    expect(code).toBe(1);
    expect(lines.slice(0, 2)).toEqual([
      "failed: test/redis/session.test.ts > a session has one owner",
      "    expected 2 to be 1",
    ]);
    expect(lines.at(-1)).toBe("1 passed, 1 failed");
    expect(lines.length).toBeLessThan(40);
  });

  it("counts what has no test to name: a file that does not load, an error outside of tests, no report, a failed check", () => {
    const unloadable = report("tests", 1, [
      {
        name: join(process.cwd(), "broken.test.ts"),
        status: "failed",
        message: "no such module",
        assertionResults: [],
      },
    ]);
    const { code, lines } = tally(unloadable, "1", report("console", 1), "1", join(folder, "none.json"), "137", "2");
    expect(code).toBe(1);
    expect(lines.filter((line) => line.startsWith("failed: ")).map((line) => line.split(/[: ]+/)[1])).toEqual([
      "broken.test.ts",
      "console",
      "none",
      "checks",
    ]);
    expect(lines.at(-1)).toBe("2 passed, 4 failed");
  });

  it("is a failure when nothing ran", () => {
    expect(tally(report("tests", 0), "0", "0")).toEqual({ code: 1, lines: ["0 passed, 0 failed"] });
  });
});
