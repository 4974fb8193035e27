import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DISK, type Disk } from "./disk.ts";
import { install } from "./install.ts";
import { lockProfile } from "./installLock.ts";
import { builtPackage, readPackage } from "./pluginPackage.ts";
import { findProfile } from "./profile.ts";
import { sourcesDigest } from "./sourcesDigest.mjs";
import { MadeUpCheckout } from "./test/madeUpCheckout.ts";
import { uninstall } from "./uninstall.ts";

const CONFIG = '{\n  "plugins": {\n    "allow": ["browser"] // mine\n  }\n}\n';

let checkout: MadeUpCheckout;
beforeEach(() => {
  checkout = new MadeUpCheckout();
  checkout.write("profile/openclaw.json", CONFIG);
});
afterEach(() => checkout.remove());

describe("a run that ends at any moment", () => {
  it.each(["install", "update", "uninstall"] as const)(
    "leaves a working profile and is ended by the next one: %s",
    async (what) => {
      const clean = checkout.snapshot();
      if (what !== "install") await checkout.run("install");
      const old = what === "install" ? undefined : readPackage(checkout.extension).digest;
      if (what === "update") checkout.build("0.2.0");
      const begun = checkout.snapshot();
      const wanted = builtPackage(join(checkout.root, "plugin"), sourcesDigest(checkout.root)).digest;
      await checkout.run(what === "uninstall" ? "uninstall" : "install");
      const done = checkout.read("profile/openclaw.json");

      let points = 0;
      for (let isOver = false; !isOver; points++) {
        restore(checkout, begun);
        isOver = await runUntil(checkout, what === "uninstall" ? "uninstall" : "install", points);

        // The configuration is the one from before or the one from after, and the folder one of the whole plugins or none.
        expect([begun["/openclaw.json"]?.slice(7), done]).toContain(checkout.read("profile/openclaw.json"));
        const left = existsSync(checkout.extension) ? readPackage(checkout.extension).digest : undefined;
        expect([undefined, old, wanted]).toContain(left);
        for (const name of readdirSync(checkout.profile))
          if (name.includes("lock")) pretendToBeDead(join(checkout.profile, name));

        const next = await checkout.run(what === "uninstall" ? "uninstall" : "install");
        expect(next.code).toBe(0);
        expect(checkout.read("profile/openclaw.json")).toBe(done);
        if (what === "uninstall") continue;
        expect(readPackage(checkout.extension).digest).toBe(wanted);
        expect(readdirSync(join(checkout.profile, "extensions"))).toEqual(["yonexus-server"]);
        expect((await checkout.run("install")).out).toContain("already installed");
        await checkout.run("uninstall");
        // Who made an empty folder, nobody knows after an interruption: it stays.
        const { "/extensions": _, ...back } = checkout.snapshot();
        expect(back).toEqual(clean);
      }
      expect(points).toBeGreaterThan(8);
    },
  );

  it("puts the old plugin back when the new one cannot take its place", async () => {
    await checkout.run("install");
    const before = checkout.snapshot();
    checkout.build("0.2.0");
    const failing: Disk = {
      ...DISK,
      rename(from, to) {
        if (from.endsWith("disabled-new")) throw Object.assign(new Error("no"), { code: "EIO" });
        DISK.rename(from, to);
      },
    };
    const source = builtPackage(join(checkout.root, "plugin"), sourcesDigest(checkout.root));
    const profile = findProfile(checkout.profile, { env: {}, home: checkout.folder, uid: process.getuid?.() });
    expect(() => install({ profile, disk: failing, onStep: () => {} }, source)).toThrow("no");
    expect(readPackage(checkout.extension).digest).not.toBe(source.digest);
    expect(checkout.read("profile/openclaw.json")).toBe(before["/openclaw.json"]?.slice(7));
  });

  it("refuses when OpenClaw writes its configuration at the same moment, and keeps what that wrote", async () => {
    const interfering: Disk = {
      ...DISK,
      writeFile(path, ...rest) {
        DISK.writeFile(path, ...rest);
        if (path.endsWith("-new")) checkout.write("profile/openclaw.json", '{"by":"OpenClaw"}');
      },
    };
    const source = builtPackage(join(checkout.root, "plugin"), sourcesDigest(checkout.root));
    const profile = findProfile(checkout.profile, { env: {}, home: checkout.folder, uid: process.getuid?.() });
    const code = "CONFIG_CHANGED";
    expect(() => install({ profile, disk: interfering, onStep: () => {} }, source)).toThrow(
      expect.objectContaining({ code }),
    );
    expect(checkout.read("profile/openclaw.json")).toBe('{"by":"OpenClaw"}');
    expect(await checkout.run("install")).toMatchObject({ code: 0 });
  });
});

describe("two installers", () => {
  it("do not work on one profile at once", async () => {
    const release = lockProfile(checkout.profile, DISK);
    const before = checkout.snapshot();
    expect(await checkout.run("install")).toMatchObject({
      code: 1,
      err: expect.stringContaining(`process ${process.pid}`),
    });
    expect(checkout.snapshot()).toEqual(before);
    release();
    expect(await checkout.run("install")).toMatchObject({ code: 0 });
  });

  it("take over from one that ended without releasing", async () => {
    lockProfile(checkout.profile, DISK);
    pretendToBeDead(join(checkout.profile, ".yonexus-server-install.lock"));
    expect(await checkout.run("install")).toMatchObject({ code: 0 });
    expect(readdirSync(checkout.profile).filter((name) => name.includes("lock"))).toEqual([]);
  });
});

describe("--purge", () => {
  it("leaves data that a running process uses, and names the process", async () => {
    await checkout.run("install");
    const lock = JSON.stringify({ pid: process.pid, started: "" });
    checkout.write("profile/yonexus-server/up.lock", lock);
    const profile = findProfile(checkout.profile, { env: {}, home: checkout.folder, uid: process.getuid?.() });
    const operation = { profile, disk: DISK, onStep: () => {} };
    await expect(uninstall(operation, true, 0)).rejects.toMatchObject({ code: "DATA_IN_USE" });
    expect(checkout.read("profile/yonexus-server/up.lock")).toBe(lock);
    expect(existsSync(checkout.extension)).toBe(false);
  });
});

/** Does the first operations on the disk and no later one, as if the process had ended. @returns whether it got to its end */
async function runUntil(made: MadeUpCheckout, action: "install" | "uninstall", count: number): Promise<boolean> {
  let left = count;
  const step = () => {
    if (left-- <= 0) throw new Error("ended");
  };
  const disk: Disk = {
    makeFolder: (...args) => [step(), DISK.makeFolder(...args)],
    writeFile(path, content, mode, owner) {
      // A file can be cut off anywhere.
      if (left === 0) writeFileSync(path, content.subarray(0, content.length / 2));
      step();
      DISK.writeFile(path, content, mode, owner);
    },
    rename: (...args) => [step(), DISK.rename(...args)],
    link: (...args) => [step(), DISK.link(...args)],
    remove: (...args) => [step(), DISK.remove(...args)],
  };
  const profile = findProfile(made.profile, { env: {}, home: made.folder, uid: process.getuid?.() });
  const operation = { profile, disk, onStep: () => {} };
  try {
    const release = lockProfile(profile.path, disk);
    if (action === "install") install(operation, builtPackage(join(made.root, "plugin"), sourcesDigest(made.root)));
    else await uninstall(operation, false);
    release();
    return true;
  } catch (error) {
    if (error instanceof Error && error.message === "ended") return false;
    throw error;
  }
}

/** Makes the profile what it was when the snapshot was taken. */
function restore(made: MadeUpCheckout, snapshot: Record<string, string>): void {
  DISK.remove(made.profile);
  for (const [name, found] of Object.entries(snapshot)) {
    const [mode = "", ...content] = found.split(" ");
    const path = `${made.profile}${name}`;
    const bits = Number.parseInt(mode, 8) & 0o777;
    if (mode.startsWith("4")) DISK.makeFolder(path, bits);
    else DISK.writeFile(path, Buffer.from(content.join(" ")), bits);
  }
}

/** The lock of this process becomes one of a process that has ended. */
function pretendToBeDead(lock: string): void {
  const { pid } = spawnSync(process.execPath, ["--version"]);
  if (readFileSync(lock, "utf8") !== "") writeFileSync(lock, JSON.stringify({ pid, started: "" }));
}
