import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DISK } from "./disk.ts";
import { withRightsOf } from "./ownerRights.ts";
import { MadeUpCheckout } from "./test/madeUpCheckout.ts";

const CONFIG = '{"gateway":{"mode":"local"}}';
const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
const isRoot = own.uid === 0;
/** Root tries another user's profile; anybody else their own, with the same rights in the end. */
const owner = isRoot ? { uid: 1234, gid: 1235 } : own;

let checkout: MadeUpCheckout;
/** A folder in which the owner of the profile may do nothing. */
let foreign: string;
beforeEach(() => {
  checkout = new MadeUpCheckout();
  checkout.write("profile/openclaw.json", CONFIG);
  // The profile can be reached, and the checkout is root's alone.
  chmodSync(checkout.folder, 0o711);
  chmodSync(checkout.root, 0o700);
  chownSync(checkout.profile, owner.uid, owner.gid);
  chownSync(checkout.config, owner.uid, owner.gid);
  foreign = join(checkout.folder, "foreign");
  mkdirSync(foreign);
  writeFileSync(join(foreign, "real.json"), CONFIG, { mode: 0o444 });
  chmodSync(foreign, 0o555);
});
afterEach(() => {
  chmodSync(foreign, 0o755);
  checkout.remove();
});

/** As root says it: `uid` is whom the installer takes itself for. */
const run = (action: "install" | "uninstall") => checkout.run(action, { uid: 0, purge: action === "uninstall" });

describe("a profile of another user, when root installs", () => {
  it("gets files of its owner, from a checkout that the owner cannot read", async () => {
    expect(await run("install")).toMatchObject({ code: 0 });
    for (const path of ["", "/dist", "/dist/chunks/a.js", "/.yonexus-install.json"]) {
      expect(statSync(`${checkout.extension}${path}`)).toMatchObject(owner);
    }
    for (const path of ["extensions", "openclaw.json", "openclaw.json.before-yonexus-server"]) {
      expect(statSync(join(checkout.profile, path))).toMatchObject(owner);
    }
    expect(await run("uninstall")).toMatchObject({ code: 0 });
    expect(readdirSync(checkout.profile)).toEqual(["openclaw.json"]);
  });

  it("cannot lead it elsewhere by a link in the place of the extensions", async () => {
    symlinkSync(foreign, join(checkout.profile, "extensions"));
    expect(await run("install")).toMatchObject({ code: 1, err: expect.stringContaining("the owner of the profile") });
    expect(readdirSync(foreign)).toEqual(["real.json"]);
  });

  it("cannot have what it may not change changed by a link in the place of the configuration", async () => {
    rmSync(checkout.config);
    symlinkSync(join(foreign, "real.json"), checkout.config);
    expect((await run("install")).code).toBe(1);
    expect(readdirSync(foreign)).toEqual(["real.json"]);
    expect(checkout.read("foreign/real.json")).toBe(CONFIG);
  });

  it("cannot have what it may not remove removed by --purge", async () => {
    const data = join(checkout.profile, "yonexus-server");
    mkdirSync(data);
    mkdirSync(join(data, "mine"));
    writeFileSync(join(data, "mine", "file"), "");
    chmodSync(join(data, "mine"), 0o555);
    expect(await run("uninstall")).toMatchObject({ code: 1, err: expect.stringContaining("EACCES") });
    expect(readdirSync(join(data, "mine"))).toEqual(["file"]);
    chmodSync(join(data, "mine"), 0o755);
  });

  it("keeps a configuration of yet another user as it is, and says what to do", async () => {
    const other = isRoot ? { uid: 1236, gid: 1237 } : own;
    chownSync(checkout.config, other.uid, other.gid);
    const told = await run("install");
    // Whoever is not root has no file of another user to try.
    expect(told.code).toBe(isRoot ? 1 : 0);
    const sentence = isRoot ? "chown 1234:1235" : "";
    expect(told.err).toContain(sentence);
    expect(statSync(checkout.config)).toMatchObject(other);
  });
});

describe("withRightsOf", () => {
  it("gives the rights back when the work ends, and when it fails", async () => {
    const identity = () => ({ uid: process.geteuid?.(), gid: process.getegid?.() });
    const before = identity();
    const during = await withRightsOf(owner, async () => identity());
    expect(during).toEqual(owner);
    expect(identity()).toEqual(before);
    const failing = withRightsOf(owner, () => Promise.reject(new Error("failed")));
    await expect(failing).rejects.toThrow("failed");
    expect(identity()).toEqual(before);
  });

  it("has none of the groups that root is in", async () => {
    const groups = await withRightsOf(owner, async () => process.getgroups?.());
    if (isRoot) expect(groups).toEqual([owner.gid]);
    else expect(groups).toEqual(process.getgroups?.());
  });

  it("is refused where the process may not act as the owner, with whom to run it as", async () => {
    const stranger = { uid: 4321, gid: 4321 };
    // Inside, not even root may.
    const inside = withRightsOf(owner, () => withRightsOf(stranger, async () => undefined));
    await expect(inside).rejects.toMatchObject({
      code: "NOT_OWNER",
      message: expect.stringContaining("sudo -u '#4321'"),
    });
    expect(process.geteuid?.()).toBe(own.uid);
  });
});

describe("the disk", () => {
  it("writes no file through a link in its place", () => {
    const link = join(checkout.folder, "link");
    const target = join(checkout.folder, "target");
    writeFileSync(target, "kept");
    symlinkSync(target, link);
    DISK.writeFile(link, Buffer.from("new"), 0o640);
    expect(checkout.read("target")).toBe("kept");
    expect(lstatSync(link).isFile()).toBe(true);
    expect(lstatSync(link).mode & 0o777).toBe(0o640);
  });
});
