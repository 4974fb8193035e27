import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MadeUpCheckout } from "./test/madeUpCheckout.ts";

const CONFIG = `{
  // the gateway
  "gateway": { "mode": "local", "auth": { "token": "a-secret" } },
  "plugins": {
    "entries": {
      "browser": { "enabled": true }, /* kept */
    },
  },
}
`;

let checkout: MadeUpCheckout;
beforeEach(() => {
  checkout = new MadeUpCheckout();
  checkout.write("profile/openclaw.json", CONFIG);
  chmodSync(checkout.config, 0o640);
});
afterEach(() => checkout.remove());

describe("--install", () => {
  it("puts the plugin's files in place and switches it on", async () => {
    const { code, out, err } = await checkout.run("install");
    expect({ code, out }).toEqual({ code: 0, out: expect.stringContaining("yonexus-server 0.1.0 is installed") });
    expect(err).toContain(`the profile is ${checkout.profile} (--openclaw-profile-path)`);
    const files = Object.keys(checkout.snapshot(checkout.extension)).sort();
    expect(files).toEqual([
      "",
      "/.yonexus-install.json",
      "/dist",
      "/dist/build.json",
      "/dist/chunks",
      "/dist/chunks/a.js",
      "/dist/index.js",
      "/openclaw.plugin.json",
      "/package.json",
      "/skills",
      "/skills/followers",
      "/skills/followers/SKILL.md",
    ]);
    const entry = `"yonexus-server": {\n        "enabled": true\n      },\n    },`;
    const added = CONFIG.replace("/* kept */\n    },", `/* kept */\n      ${entry}`);
    expect(checkout.read("profile/openclaw.json")).toBe(added);
  });

  it("gives files 644 and folders 755 whatever the umask, and the configuration the mode that it had", async () => {
    const before = process.umask(0o077);
    try {
      await checkout.run("install");
    } finally {
      process.umask(before);
    }
    const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);
    expect(modeOf(checkout.extension)).toBe("755");
    expect(modeOf(join(checkout.extension, "dist", "chunks"))).toBe("755");
    expect(modeOf(join(checkout.extension, "dist", "index.js"))).toBe("644");
    expect(modeOf(checkout.config)).toBe("640");
    expect(modeOf(`${checkout.config}.before-yonexus-server`)).toBe("640");
  });

  it("keeps the configuration as it was beside it, and nothing of it among the plugin's files", async () => {
    await checkout.run("install");
    expect(checkout.read("profile/openclaw.json.before-yonexus-server")).toBe(CONFIG);
    expect(JSON.stringify(checkout.snapshot(checkout.extension))).not.toContain("a-secret");
  });

  it("says that it is installed already, and changes nothing, when it is", async () => {
    await checkout.run("install");
    const before = checkout.snapshot();
    utimesSync(checkout.config, 1, 1);
    const { code, out } = await checkout.run("install");
    expect({ code, out }).toEqual({ code: 0, out: expect.stringContaining("already installed") });
    expect(checkout.snapshot()).toEqual(before);
    expect(statSync(checkout.config).mtimeMs).toBe(1000);
  });

  it("replaces an older build and leaves the configuration as it is", async () => {
    await checkout.run("install");
    const config = checkout.read("profile/openclaw.json");
    checkout.build("0.2.0");
    const { code, out } = await checkout.run("install");
    expect({ code, out }).toEqual({ code: 0, out: expect.stringContaining("0.2.0 took the place") });
    expect(out).toContain("openclaw plugins reload yonexus-server");
    expect(checkout.read("profile/extensions/yonexus-server/dist/index.js")).toContain("0.2.0");
    expect(checkout.read("profile/openclaw.json")).toBe(config);
    expect(readdirSync(join(checkout.profile, "extensions"))).toEqual(["yonexus-server"]);
  });

  it("mends an installed file that was changed", async () => {
    await checkout.run("install");
    writeFileSync(join(checkout.extension, "dist", "index.js"), "broken");
    await checkout.run("install");
    expect(checkout.read("profile/extensions/yonexus-server/dist/index.js")).toContain("0.1.0");
  });

  it("switches on what somebody switched off, and says so", async () => {
    checkout.write(
      "profile/openclaw.json",
      '{"plugins":{"entries":{"yonexus-server":{"enabled":false,"config":{"a":1}}}}}',
    );
    const { err } = await checkout.run("install");
    expect(err).toContain("enabled to true (it was false)");
    expect(checkout.read("profile/openclaw.json")).toContain('{"enabled":true,"config":{"a":1}}');
  });

  it("appends itself to an exclusive list, and makes none", async () => {
    checkout.write("profile/openclaw.json", '{"plugins":{"allow":["browser"]}}');
    await checkout.run("install");
    expect(checkout.read("profile/openclaw.json")).toContain('"allow":["browser","yonexus-server"]');
    checkout.write("profile/openclaw.json", "{}");
    await checkout.run("install");
    expect(checkout.read("profile/openclaw.json")).not.toContain("allow");
  });

  it("makes the configuration of a profile that has state and none, for its owner's eyes, and says what is missing", async () => {
    rmSync(checkout.config);
    mkdirSync(join(checkout.profile, "state"));
    const { code, out } = await checkout.run("install");
    expect({ code, out }).toEqual({ code: 0, out: expect.stringContaining("openclaw setup") });
    expect(JSON.parse(checkout.read("profile/openclaw.json"))).toEqual({
      plugins: { entries: { "yonexus-server": { enabled: true } } },
    });
    expect(statSync(checkout.config).mode & 0o777).toBe(0o600);
    await checkout.run("uninstall");
    expect(existsSync(checkout.config)).toBe(false);
  });

  it("follows links: of the profile, and of the configuration, which stays one", async () => {
    checkout.write("elsewhere/real.json", CONFIG);
    rmSync(checkout.config);
    symlinkSync("../elsewhere/real.json", checkout.config);
    symlinkSync(checkout.profile, join(checkout.folder, "link"));
    expect(await checkout.run("install", { profilePath: join(checkout.folder, "link") })).toMatchObject({ code: 0 });
    expect(lstatSync(checkout.config).isSymbolicLink()).toBe(true);
    expect(checkout.read("elsewhere/real.json")).toContain("yonexus-server");
    await checkout.run("uninstall");
    expect(checkout.read("elsewhere/real.json")).toBe(CONFIG);
    expect(readdirSync(join(checkout.folder, "elsewhere"))).toEqual(["real.json"]);
  });

  it("edits behind a byte order mark, and keeps it", async () => {
    const text = `\uFEFF${CONFIG}`;
    checkout.write("profile/openclaw.json", text);
    expect(await checkout.run("install")).toMatchObject({ code: 0 });
    const edited = checkout.read("profile/openclaw.json");
    expect(edited.slice(0, CONFIG.indexOf("/* kept */") + 1)).toBe(text.slice(0, CONFIG.indexOf("/* kept */") + 1));
    expect(edited).toContain("yonexus-server");
    checkout.write("profile/openclaw.json", edited.replace('"local"', '"remote"'));
    await checkout.run("uninstall");
    expect(checkout.read("profile/openclaw.json")).toBe(text.replace('"local"', '"remote"'));
  });

  it("accepts what was added by hand to a configuration that it cannot edit", async () => {
    const byHand = "{plugins: {entries: {'yonexus-server': {enabled: true}}}}";
    checkout.write("profile/openclaw.json", byHand);
    expect(await checkout.run("install")).toMatchObject({ code: 0, out: expect.stringContaining("plugins inspect") });
    expect(checkout.read("profile/openclaw.json")).toBe(byHand);
    expect(existsSync(checkout.extension)).toBe(true);
    expect(await checkout.run("uninstall")).toMatchObject({ code: 1, err: expect.stringContaining("by hand") });
    checkout.write("profile/openclaw.json", "{plugins: {}}");
    expect(await checkout.run("uninstall")).toMatchObject({ code: 0 });
    expect(existsSync(checkout.extension)).toBe(false);
  });

  it("accepts what was added by hand to a file that the configuration includes", async () => {
    checkout.write("profile/plugins.json5", "{entries: {'yonexus-server': {enabled: true}}}");
    checkout.write("profile/openclaw.json", '{"plugins":{"$include":"./plugins.json5"}}');
    expect(await checkout.run("install")).toMatchObject({ code: 0 });
  });
});

describe("a configuration that OpenClaw is told not to write", () => {
  it.each(["OPENCLAW_CONFIG_READONLY", "OPENCLAW_NIX_MODE"])("is not written either: %s", async (name) => {
    const env = { [name]: "1" };
    const before = checkout.snapshot();
    const told = await checkout.run("install", { env });
    expect(told).toMatchObject({ code: 1, err: expect.stringContaining('"yonexus-server": { "enabled": true }') });
    expect(checkout.snapshot()).toEqual(before);
    checkout.write("profile/openclaw.json", '{"plugins":{"entries":{"yonexus-server":{"enabled":true}}}}');
    expect(await checkout.run("install", { env })).toMatchObject({ code: 0 });
  });
});

describe("a refusal of --install touches nothing", () => {
  const refusals: [string, string, string, (made: MadeUpCheckout) => void][] = [
    [
      "an unbuilt plugin",
      "NOT_BUILT",
      "npm run build:plugin",
      (made) => rmSync(join(made.root, "plugin", "dist"), { recursive: true }),
    ],
    [
      "a build without its digest",
      "NOT_BUILT",
      "npm run build:plugin",
      (made) => rmSync(join(made.root, "plugin/dist/build.json")),
    ],
    ...["dist/index.js", "dist/chunks/a.js"].map((path): (typeof refusals)[number] => [
      `a build whose ${path} was cut off`,
      "DAMAGED_BUILD",
      "npm run build:plugin",
      (made) => truncateSync(join(made.root, "plugin", path), 10),
    ]),
    [
      "a build that lost a file",
      "DAMAGED_BUILD",
      "npm run build:plugin",
      (made) => rmSync(join(made.root, "plugin", "dist", "chunks", "a.js")),
    ],
    [
      "a build of other libraries",
      "STALE_BUILD",
      "npm run build:plugin",
      (made) => made.write("checkout/package-lock.json", "{}"),
    ],
    [
      "a build of other sources",
      "STALE_BUILD",
      "npm run build:plugin",
      (made) => made.write("checkout/protocol/wire/index.ts", "export const changed = 1;\n"),
    ],
    ["a folder that is no profile", "NO_PROFILE", "openclaw setup", (made) => rmSync(made.config)],
    [
      "a configuration that is not JSON with comments",
      "CONFIG_NOT_EDITABLE",
      '"yonexus-server": { "enabled": true }',
      (made) => made.write("profile/openclaw.json", "{gateway: 1}"),
    ],
    [
      "a configuration that is nested without end",
      "CONFIG_NOT_EDITABLE",
      "500 deep",
      (made) => made.write("profile/openclaw.json", `{"a":${"[".repeat(200_000)}${"]".repeat(200_000)}}`),
    ],
    [
      "a configuration in parts",
      "CONFIG_NOT_EDITABLE",
      "$include",
      (made) => made.write("profile/openclaw.json", '{"$include":"base.json"}'),
    ],
    [
      "a configuration that is a list",
      "CONFIG_NOT_EDITABLE",
      "not an object",
      (made) => made.write("profile/openclaw.json", "[]"),
    ],
    [
      "plugins of the wrong type",
      "CONFIG_NOT_EDITABLE",
      "not an object",
      (made) => made.write("profile/openclaw.json", '{"plugins":{"entries":[]}}'),
    ],
    [
      "a configuration that is not UTF-8",
      "CONFIG_NOT_EDITABLE",
      "UTF-8",
      (made) => writeFileSync(made.config, Buffer.from([0x7b, 0xff, 0x7d])),
    ],
    [
      "a configuration that is a folder",
      "CONFIG_NOT_EDITABLE",
      "not a file",
      (made) => {
        rmSync(made.config);
        mkdirSync(made.config);
      },
    ],
    [
      "a link to nothing for a configuration",
      "CONFIG_NOT_EDITABLE",
      "link",
      (made) => {
        rmSync(made.config);
        symlinkSync("gone.json", made.config);
      },
    ],
    [
      "a plugin that is denied",
      "PLUGIN_DENIED",
      "plugins.deny",
      (made) => made.write("profile/openclaw.json", '{"plugins":{"deny":["yonexus-server"]}}'),
    ],
    [
      "plugins that are off altogether",
      "PLUGINS_OFF",
      "set it to true",
      (made) => made.write("profile/openclaw.json", '{"plugins":{"enabled":false}}'),
    ],
    [
      "another plugin in its place",
      "OTHER_PLUGIN",
      "move it away",
      (made) => made.write("profile/extensions/yonexus-server/openclaw.plugin.json", '{"id":"other"}'),
    ],
    [
      "a folder without a manifest in its place",
      "OTHER_PLUGIN",
      "move it away",
      (made) => mkdirSync(made.extension, { recursive: true }),
    ],
    [
      "a link in its place",
      "OTHER_PLUGIN",
      "move it away",
      (made) => {
        mkdirSync(join(made.profile, "extensions"));
        symlinkSync(made.root, made.extension);
      },
    ],
    [
      "a copy by other means",
      "OTHER_INSTALLATION",
      "remove it",
      (made) => made.write("profile/extensions/yonexus-server/openclaw.plugin.json", '{"id":"yonexus-server"}'),
    ],
    [
      "an installation by OpenClaw",
      "OTHER_INSTALLATION",
      "openclaw plugins uninstall yonexus-server",
      (made) => {
        made.write("profile/extensions/yonexus-server/openclaw.plugin.json", '{"id":"yonexus-server"}');
        made.write("profile/extensions/yonexus-server/node_modules/openclaw/package.json", "{}");
      },
    ],
    [
      "an installation by OpenClaw from npm",
      "OTHER_INSTALLATION",
      "openclaw plugins uninstall yonexus-server",
      (made) =>
        made.write(
          "profile/npm/projects/p-1/node_modules/@yonexus/openclaw-plugin/openclaw.plugin.json",
          '{"id":"yonexus-server"}',
        ),
    ],
    [
      "an installation by OpenClaw from git",
      "OTHER_INSTALLATION",
      "openclaw plugins uninstall yonexus-server",
      (made) => made.write("profile/git/git-1/repo/openclaw.plugin.json", '{"id":"yonexus-server"}'),
    ],
    [
      "a folder that OpenClaw links to",
      "OTHER_INSTALLATION",
      "openclaw plugins uninstall yonexus-server",
      (made) =>
        made.write(
          "profile/openclaw.json",
          JSON.stringify({ plugins: { load: { paths: [join(made.root, "plugin")] } } }),
        ),
    ],
  ];

  it.each(refusals)("%s", async (_, code, next, prepare) => {
    prepare(checkout);
    const before = checkout.snapshot();
    const told = await checkout.run("install", { json: true });
    expect(told.code).toBe(1);
    const found = JSON.parse(told.out);
    expect(found).toMatchObject({ ok: false, code });
    expect([found.message, ...found.lines].join("\n")).toContain(next);
    expect(told.out + told.err).not.toContain("a-secret");
    expect(checkout.snapshot()).toEqual(before);
  });
});

describe("--uninstall", () => {
  it("leaves the profile as it was before, byte for byte", async () => {
    const before = checkout.snapshot();
    await checkout.run("install");
    checkout.build("0.2.0");
    await checkout.run("install");
    const { code, out } = await checkout.run("uninstall");
    expect({ code, out }).toEqual({ code: 0, out: expect.stringContaining("is taken out") });
    expect(checkout.snapshot()).toEqual(before);
  });

  it("does so when a person switched the plugin off and on in between", async () => {
    const before = checkout.snapshot();
    await checkout.run("install");
    const on = checkout.read("profile/openclaw.json");
    checkout.write("profile/openclaw.json", on.replace('"enabled": true\n', '"enabled": false\n'));
    expect(await checkout.run("install")).toMatchObject({ out: expect.stringContaining("switched on again") });
    await checkout.run("uninstall");
    expect(checkout.snapshot()).toEqual(before);
  });

  it("takes out its own part alone when the configuration was changed since", async () => {
    await checkout.run("install");
    const since = checkout.read("profile/openclaw.json").replace('"local"', '"remote"');
    checkout.write("profile/openclaw.json", since);
    await checkout.run("uninstall");
    expect(checkout.read("profile/openclaw.json")).toBe(CONFIG.replace('"local"', '"remote"'));
  });

  it("keeps an entry that was there before, as it was, and says so", async () => {
    const text = '{"plugins":{"entries":{"yonexus-server":{"enabled":false,"config":{"a":1}}}}}';
    checkout.write("profile/openclaw.json", text);
    await checkout.run("install");
    expect((await checkout.run("uninstall")).out).toContain("was in the configuration before --install");
    expect(checkout.read("profile/openclaw.json")).toBe(text);
  });

  it("takes out the entry of a plugin whose folder somebody removed", async () => {
    await checkout.run("install");
    rmSync(checkout.extension, { recursive: true });
    expect(await checkout.run("uninstall")).toMatchObject({ code: 0, out: expect.stringContaining("is taken out") });
    expect(checkout.read("profile/openclaw.json")).toBe(CONFIG);
  });

  it("says that nothing is installed, and changes nothing, when nothing is", async () => {
    const before = checkout.snapshot();
    expect(await checkout.run("uninstall")).toMatchObject({
      code: 0,
      out: expect.stringContaining("is not installed"),
    });
    expect(checkout.snapshot()).toEqual(before);
  });

  it("needs no build", async () => {
    await checkout.run("install");
    rmSync(join(checkout.root, "plugin", "dist"), { recursive: true });
    expect(await checkout.run("uninstall")).toMatchObject({ code: 0 });
  });

  it("keeps the plugin's data and says so, and removes it with --purge", async () => {
    await checkout.run("install");
    checkout.write("profile/yonexus-server/gateway.id", "x\n");
    expect((await checkout.run("uninstall")).out).toContain("--uninstall --purge");
    expect(existsSync(join(checkout.profile, "yonexus-server", "gateway.id"))).toBe(true);
    expect(await checkout.run("uninstall", { purge: true })).toMatchObject({ code: 0 });
    expect(existsSync(join(checkout.profile, "yonexus-server"))).toBe(false);
  });

  it("leaves what OpenClaw installed to OpenClaw", async () => {
    checkout.write("profile/npm/node_modules/@yonexus/openclaw-plugin/openclaw.plugin.json", '{"id":"yonexus-server"}');
    const told = await checkout.run("uninstall");
    expect(told).toMatchObject({ code: 1, err: expect.stringContaining("openclaw plugins uninstall yonexus-server") });
  });

  it("leaves another plugin in its place alone", async () => {
    checkout.write("profile/extensions/yonexus-server/openclaw.plugin.json", '{"id":"other"}');
    const before = checkout.snapshot();
    expect(await checkout.run("uninstall", { purge: true })).toMatchObject({ code: 1 });
    expect(checkout.snapshot()).toEqual(before);
  });
});

describe("--dry-run", () => {
  it("says what would be done, and changes nothing", async () => {
    const before = checkout.snapshot();
    const { code, out, err } = await checkout.run("install", { dryRun: true });
    expect(code).toBe(0);
    expect(out).toContain("nothing was changed");
    expect(err).toContain("would have put the plugin in");
    expect(err).toContain("would have set plugins.entries.yonexus-server.enabled to true");
    expect(checkout.snapshot()).toEqual(before);

    await checkout.run("install");
    checkout.write("profile/yonexus-server/gateway.id", "x\n");
    const installed = checkout.snapshot();
    expect((await checkout.run("uninstall", { dryRun: true, purge: true })).err).toContain("would have removed");
    expect(checkout.snapshot()).toEqual(installed);
  });
});

describe("--json", () => {
  it("prints one object with the result, the profile and the steps", async () => {
    const told = JSON.parse((await checkout.run("install", { json: true })).out);
    expect(told).toMatchObject({ ok: true, result: "installed", dryRun: false, profile: checkout.profile });
    expect(told.steps).toHaveLength(3);
    expect(JSON.parse((await checkout.run("install", { json: true })).out)).toMatchObject({
      result: "already_installed",
      steps: [],
    });
    expect(JSON.parse((await checkout.run("uninstall", { json: true })).out)).toMatchObject({ result: "uninstalled" });
  });
});
