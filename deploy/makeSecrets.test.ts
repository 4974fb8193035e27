import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "secrets-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const place = () => join(folder, "made");
const read = (name: string) => readFileSync(join(place(), name), "utf8");
const modeOf = (path: string) => statSync(path).mode & 0o777;
const make = (env: Readonly<Record<string, string>> = {}) =>
  spawnSync(join(import.meta.dirname, "make-secrets.sh"), [place()], {
    env: { PATH: process.env.PATH, ...env },
    encoding: "utf8",
  });
/** A template whose user may do so much. */
function template(commands: string): string {
  const path = join(folder, "template");
  writeFileSync(path, `# told\nuser yonexus on #@PASSWORD_SHA256@ ~@PREFIX@:* ${commands}\n`);
  return path;
}

describe("deploy/make-secrets.sh", () => {
  it("makes each secret in a file that its maker alone reads, in a folder that nobody else enters", () => {
    expect(make().status).toBe(0);
    expect(modeOf(place())).toBe(0o700);
    expect(readdirSync(place()).toSorted()).toEqual(["master_key", "redis_password", "redis_url", "users.acl"]);
    for (const name of readdirSync(place())) expect([name, modeOf(join(place(), name))]).toEqual([name, 0o600]);
    expect(read("redis_url")).toBe(`redis://yonexus:${read("redis_password")}@redis:6379`);
  });

  it("leaves the folder as closed as it is, unless the files are given to other users", () => {
    make();
    chmodSync(place(), 0o750);
    make();
    expect(modeOf(place())).toBe(0o750);
    expect(make({ NODE_UID: String(process.getuid?.()) }).status).toBe(0);
    expect(modeOf(place())).toBe(0o755);
  });

  it("makes the users anew each time, and leaves all else", () => {
    make({ USERS_ACL_TEMPLATE: template("+get") });
    const before = read("redis_url");
    make({ USERS_ACL_TEMPLATE: template("+get +set") });
    expect(read("users.acl")).toMatch(/^user yonexus on #[0-9a-f]{64} ~yonexus:\* \+get \+set\n$/u);
    expect(read("redis_url")).toBe(before);
  });

  it.each([
    ["cannot be read", () => join(folder, "nowhere")],
    [
      "has no user",
      () => {
        writeFileSync(join(folder, "half"), "# told\n");
        return join(folder, "half");
      },
    ],
  ])("keeps the users that there are when the template %s", (_, path) => {
    make({ USERS_ACL_TEMPLATE: template("+get") });
    const before = read("users.acl");
    expect(make({ USERS_ACL_TEMPLATE: path() }).status).not.toBe(0);
    expect(read("users.acl")).toBe(before);
    // What was left half made is in nobody's way.
    expect(make().status).toBe(0);
    expect(read("users.acl")).not.toBe(before);
  });
});
