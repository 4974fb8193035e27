import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeFileOnce } from "./wholeFile.ts";

describe("a file that is made once", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "yonexus-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("is made by the first, for its owner's eyes, and left alone by the second", () => {
    const path = join(folder, "once");
    expect(makeFileOnce(path, "first")).toBe(true);
    expect(makeFileOnce(path, "second")).toBe(false);
    expect(readFileSync(path, "utf8")).toBe("first");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(["once"]);
  });

  it("that is a link to nowhere is refused with what to do", () => {
    const path = join(folder, "once");
    symlinkSync(join(folder, "gone"), path);
    expect(() => makeFileOnce(path, "text")).toThrow(
      `${path} is a link to a file that is not there: put that file back`,
    );
    expect(readdirSync(folder)).toEqual(["once"]);
  });

  it("that cannot be made says why", () => {
    expect(() => makeFileOnce(join(folder, "missing", "once"), "")).toThrow("ENOENT");
  });
});
