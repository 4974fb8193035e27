import { execFile, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseArguments } from "./arguments.mjs";
import { bundleInstaller } from "./bundleInstaller.ts";
import { MadeUpCheckout } from "./test/madeUpCheckout.ts";

const scripts = join(dirname(fileURLToPath(import.meta.url)), "..");
let checkout: MadeUpCheckout;

beforeAll(() => {
  checkout = new MadeUpCheckout();
  for (const path of ["install.mjs", "install/arguments.mjs"]) {
    mkdirSync(dirname(join(checkout.root, "scripts", path)), { recursive: true });
    cpSync(join(scripts, path), join(checkout.root, "scripts", path));
  }
  checkout.build("0.1.0");
  checkout.write("profile/openclaw.json", "{}");
});
afterAll(() => checkout.remove());

const start = (...args: string[]) => {
  const script = join(checkout.root, "scripts", "install.mjs");
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], { encoding: "utf8" });
  return { status, stdout, stderr };
};

describe("scripts/install.mjs", () => {
  it("shows its usage, and says what is wrong with arguments, before anything is built", () => {
    expect(start("--help")).toMatchObject({ status: 0, stdout: expect.stringContaining("--openclaw-profile-path") });
    expect(start("--instal")).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('"--instal" is not an option'),
    });
  });

  it("says how to build the plugin when it is not built", () => {
    rmSync(join(checkout.root, "plugin", "build"), { recursive: true, force: true });
    expect(start("--install")).toMatchObject({ status: 1, stderr: expect.stringContaining("npm run build:plugin") });
    expect(JSON.parse(start("--install", "--json").stdout)).toMatchObject({ ok: false, code: "NOT_BUILT" });
  });

  it("installs and uninstalls from the bundle, without any package", async () => {
    await bundleInstaller(join(checkout.root, "plugin", "build", "install.mjs"));
    const before = checkout.snapshot();
    const profile = ["--openclaw-profile-path", checkout.profile];
    expect(start("--install", ...profile)).toMatchObject({
      status: 0,
      stdout: expect.stringContaining("is installed"),
    });
    const again = start("--install", "--json", ...profile);
    expect(JSON.parse(again.stdout)).toMatchObject({ ok: true, result: "already_installed" });
    expect(start("--uninstall", ...profile)).toMatchObject({ status: 0 });
    expect(checkout.snapshot()).toEqual(before);
  });

  it("leaves one whole plugin when several install at once", async () => {
    await bundleInstaller(join(checkout.root, "plugin", "build", "install.mjs"));
    const args = ["--install", "--json", "--openclaw-profile-path", checkout.profile];
    const told = await Promise.all(Array.from({ length: 4 }, () => startAside(...args)));
    const kinds = told.map((text) => JSON.parse(text)).map(({ result, code }) => result ?? code);
    expect(kinds.filter((kind) => kind === "installed")).toHaveLength(1);
    for (const kind of kinds) expect(["installed", "already_installed", "BUSY"]).toContain(kind);
    expect(JSON.parse(start(...args).stdout)).toMatchObject({ result: "already_installed" });
    expect(readdirSync(join(checkout.profile, "extensions"))).toEqual(["yonexus-server"]);
    const [, , ...files] = Object.keys(checkout.snapshot()).filter((path) => !path.startsWith("/extensions"));
    expect(files).toEqual(["/openclaw.json.before-yonexus-server"]);
  });
});

/** The output of one that runs beside others. */
function startAside(...args: string[]): Promise<string> {
  const script = join(checkout.root, "scripts", "install.mjs");
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [script, ...args], (error, stdout) => {
      // An exit code of 1 is an answer too.
      if (error !== null && error.code !== 1) reject(error);
      else resolve(stdout);
    });
  });
}

describe("parseArguments", () => {
  it.each([
    [[], "--install or --uninstall"],
    [["--install", "--uninstall"], "--install or --uninstall"],
    [["--install", "--purge"], "--uninstall only"],
    [["--install", "--force"], '"--force" is not an option'],
    [["--install", "profile"], '"profile" is not an option'],
    [["--install=yes"], '"--install=yes" is not an option'],
    [["--install", "--openclaw-profile-path"], "needs the folder"],
    [["--install", "--openclaw-profile-path", "--json"], "needs the folder"],
    [["--install", "--openclaw-profile-path="], "needs the folder"],
    [["--install", "--openclaw-profile-path", "a", "--openclaw-profile-path=b"], "twice"],
  ])("refuses %j in one sentence", (args, problem) => {
    expect(parseArguments(args)).toMatchObject({ problem: expect.stringContaining(problem) });
  });

  it("takes the path after a space or an equals sign", () => {
    const expected = { action: "uninstall", profilePath: "a=b", purge: true, dryRun: true, json: true };
    const rest = ["--uninstall", "--purge", "--dry-run", "--json"];
    expect(parseArguments([...rest, "--openclaw-profile-path", "a=b"])).toEqual(expected);
    expect(parseArguments(["--openclaw-profile-path=a=b", ...rest])).toEqual(expected);
  });
});
