import { chownSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findProfile } from "./profile.ts";

let home: string;
const uid = process.getuid?.();
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "yonexus-home-"));
  for (const name of [".openclaw", "named", "typed"]) {
    mkdirSync(join(home, name));
    writeFileSync(join(home, name, "openclaw.json"), "{}");
  }
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

describe("findProfile", () => {
  it("takes what was typed before the environment, and the environment before the default, and says which", () => {
    const env = { OPENCLAW_STATE_DIR: join(home, "named") };
    expect(findProfile(join(home, "typed"), { env, home, uid })).toMatchObject({
      path: join(home, "typed"),
      namedBy: "--openclaw-profile-path",
    });
    expect(findProfile(undefined, { env, home, uid })).toMatchObject({
      path: join(home, "named"),
      namedBy: "OPENCLAW_STATE_DIR",
    });
    expect(findProfile(undefined, { env: {}, home, uid })).toMatchObject({
      path: join(home, ".openclaw"),
      namedBy: "the default",
    });
  });

  it("knows ~, and OpenClaw's own variables for the home and the configuration", () => {
    expect(findProfile("~/typed", { env: {}, home, uid }).path).toBe(join(home, "typed"));
    expect(findProfile(undefined, { env: { OPENCLAW_HOME: home }, home: "/nowhere", uid }).path).toBe(
      join(home, ".openclaw"),
    );
    const env = { OPENCLAW_CONFIG_PATH: "~/named/openclaw.json" };
    expect(findProfile(undefined, { env, home, uid }).configPath).toBe(join(home, "named", "openclaw.json"));
    expect(findProfile("~/typed", { env, home, uid }).configPath).toBe(join(home, "typed", "openclaw.json"));
  });

  it("takes a folder with state for a profile, and refuses one with neither", () => {
    rmSync(join(home, "typed", "openclaw.json"));
    expect(() => findProfile("~/typed", { env: {}, home, uid })).toThrow("is not an OpenClaw profile");
    mkdirSync(join(home, "typed", "state"));
    expect(findProfile("~/typed", { env: {}, home, uid }).path).toBe(join(home, "typed"));
    expect(() => findProfile("~/missing", { env: {}, home, uid })).toThrow("--openclaw-profile-path");
  });

  it("refuses the profile of another user, and names that user", () => {
    const { uid: owner } = statSync(home);
    expect(() => findProfile("~/typed", { env: {}, home, uid: owner + 1 })).toThrow(`belongs to user ${owner}`);
  });

  it("gives what root makes to the owner of the profile", () => {
    const folder = join(home, "typed");
    if (uid === 0) chownSync(folder, 1234, 1235);
    const owner = statSync(folder);
    const expected = owner.uid === 0 ? undefined : { uid: owner.uid, gid: owner.gid };
    expect(findProfile("~/typed", { env: {}, home, uid: 0 }).owner).toEqual(expected);
    expect(expected).toBeDefined();
  });
});
