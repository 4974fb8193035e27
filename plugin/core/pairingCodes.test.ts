import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { PairingCodeFile } from "./pairingCodes.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function newFile() {
  const folder = mkdtempSync(join(tmpdir(), "codes-"));
  folders.push(folder);
  const path = join(folder, "pairing-codes.json");
  const clock = { now: 1_000_000 };
  return { folder, path, clock, codes: new PairingCodeFile(path, () => clock.now) };
}

const code = (identifier: string, expiresAt = 2_000) => ({
  identifier,
  fingerprint: "f",
  code: `code-${identifier}`,
  expiresAt,
});

describe("the file of pairing codes", () => {
  it("can be read by its owner alone", async () => {
    const { path, codes } = newFile();
    await codes.add(code("alpha"));
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it("keeps the newest code of a follower's key, and forgets those that are over", async () => {
    const { codes } = newFile();
    await Promise.all([
      codes.add(code("alpha")),
      codes.add(code("beta", 999)),
      codes.add({ ...code("alpha"), code: "newer" }),
    ]);
    expect(codes.read()).toEqual([{ ...code("alpha"), code: "newer" }]);
  });

  it("holds no code of a pairing that ended, keeps those of other keys, and is gone with the last one", async () => {
    const { path, codes } = newFile();
    await codes.add(code("alpha"));
    await codes.add({ ...code("alpha"), fingerprint: "g" });
    await codes.add(code("beta"));
    await codes.keep("alpha", ["g"]);
    expect(codes.read()).toEqual([{ ...code("alpha"), fingerprint: "g" }, code("beta")]);
    await codes.keep("alpha", []);
    expect(readFileSync(path, "utf8")).not.toContain("alpha");
    expect(codes.read()).toEqual([code("beta")]);
    await codes.keep("beta", []);
    expect(existsSync(path)).toBe(false);
    await codes.keep("beta", []);
  });

  it("holds no code that is over, whatever it is written for", async () => {
    const { path, clock, codes } = newFile();
    await codes.add(code("alpha", 1_500));
    await codes.add(code("beta"));
    clock.now = 1_600_000;
    expect(codes.read()).toEqual([code("beta")]);
    await codes.keep("nobody", []);
    expect(readFileSync(path, "utf8")).not.toContain("alpha");
    clock.now = 3_000_000;
    await codes.dropOver();
    expect(existsSync(path)).toBe(false);
  });

  it("leaves nothing of a process that was killed while it wrote", async () => {
    const { folder, path, codes } = newFile();
    await codes.add(code("alpha"));
    writeFileSync(`${path}.0123456789ab.tmp`, "code-beta");
    await codes.clean();
    expect(readdirSync(folder)).toEqual(["pairing-codes.json"]);
  });

  it("keeps a hundred at most", async () => {
    const { path, codes } = newFile();
    for (let index = 0; index < 105; index++) await codes.add(code(`f${index}`));
    expect(codes.read()).toHaveLength(100);
    expect(readFileSync(path, "utf8")).not.toContain('code-f4"');
  });

  it.each(["", "{", "[1,null,{}]", '{"a":1}'])("that holds %j holds no code", (text) => {
    const { path, codes } = newFile();
    writeFileSync(path, text);
    expect(codes.read()).toEqual([]);
  });
});
