import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { ConfigError, listSettings, loadConfig } from "./index.ts";

const KEY = Buffer.alloc(32, 7).toString("base64");
const OLD_KEY = Buffer.alloc(32, 9).toString("base64");

const folder = mkdtempSync(join(tmpdir(), "secrets-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
function file(content: string): string {
  const path = join(folder, `secret${files++}`);
  writeFileSync(path, content);
  return path;
}

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    loadConfig({ env });
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe("a secret in a file of its own", () => {
  it("is read for each secret setting, without the line feed at its end", () => {
    const config = loadConfig({
      env: {
        REDIS_URL_FILE: file("redis://:password@host\n"),
        YONEXUS_MASTER_KEY_FILE: file(`${KEY}\r\n`),
        YONEXUS_NOTIFY_BOT_TOKEN_FILE: file("token"),
        YONEXUS_ADMIN_USER_ID: "12345",
      },
    });
    expect(config).toMatchObject({ redisUrl: "redis://:password@host", notifyBotToken: "token" });
    expect(config.masterKeys).toEqual([new Uint8Array(32).fill(7)]);
    expect(
      listSettings()
        .filter(({ secret }) => secret)
        .map(({ env }) => env),
    ).toEqual(["REDIS_URL", "YONEXUS_MASTER_KEY", "YONEXUS_NOTIFY_BOT_TOKEN"]);
  });

  it("is found through links, as Kubernetes mounts it, and by a key of the configuration file", () => {
    const link = join(folder, "link");
    symlinkSync(file(KEY), link);
    const config = join(folder, "config.json");
    writeFileSync(config, JSON.stringify({ masterKeyFile: link }));
    expect(loadConfig({ env: {}, file: config }).masterKeys).toHaveLength(1);
  });

  it("of master keys takes one a line, in either spelling: the first seals", () => {
    const both = file(`${KEY}\n${OLD_KEY}\n`);
    for (const variable of ["YONEXUS_MASTER_KEY_FILE", "YONEXUS_MASTER_KEYS_FILE"]) {
      expect(loadConfig({ env: { [variable]: both } }).masterKeys).toEqual([
        new Uint8Array(32).fill(7),
        new Uint8Array(32).fill(9),
      ]);
    }
  });

  it("counts as given where a setting is required", () => {
    const config = loadConfig({ env: { YONEXUS_MASTER_KEY_FILE: file(KEY) }, require: ["masterKeys"] });
    expect(config.masterKeys).toHaveLength(1);
  });

  it("in the environment beats a value in the configuration file", () => {
    const config = join(folder, "other.json");
    writeFileSync(config, JSON.stringify({ redisUrl: "redis://file" }));
    expect(loadConfig({ env: { REDIS_URL_FILE: file("redis://secret") }, file: config }).redisUrl).toBe(
      "redis://secret",
    );
  });

  it("beside the same secret as a value is one problem that names both variables", () => {
    expect(problemsOf({ REDIS_URL: "redis://h", REDIS_URL_FILE: file("redis://h") })).toEqual([
      "REDIS_URL and REDIS_URL_FILE are both set: unset one of them, they are the same setting.",
    ]);
    expect(problemsOf({ YONEXUS_MASTER_KEYS: KEY, YONEXUS_MASTER_KEY_FILE: file(KEY) })).toHaveLength(1);
  });

  it.each([
    ["is not there", () => join(folder, "nowhere")],
    ["is a folder", () => folder],
    ["is empty", () => file("\n")],
    ["is larger than 64 KiB", () => file("x".repeat(65_537))],
  ])("that %s is one problem that says so, also where it is required", (what, path) => {
    const read = () => loadConfig({ env: { YONEXUS_MASTER_KEY_FILE: path() }, require: ["masterKeys"] });
    expect(read).toThrow(
      `YONEXUS_MASTER_KEY_FILE names a file that ${what}: it must be the path of a file that holds YONEXUS_MASTER_KEY, which this user may read.`,
    );
    expect(problemsOf({ YONEXUS_MASTER_KEY_FILE: path() })).toHaveLength(1);
  });

  it("that holds something else is told by the variable, and what it holds is not repeated", () => {
    const [problem, ...others] = problemsOf({ YONEXUS_MASTER_KEY_FILE: file("hunter2") });
    expect(problem).toBe(
      "What the file of YONEXUS_MASTER_KEY_FILE holds is not 32 bytes in base64: make one with: openssl rand -base64 32",
    );
    expect(others).toEqual([]);
  });

  it("that is put into the variable itself is not repeated", () => {
    for (const [variable, secret] of [
      ["REDIS_URL_FILE", "redis://:password@host/0"],
      ["YONEXUS_MASTER_KEY_FILE", KEY],
    ] as const) {
      const problems = problemsOf({ [variable]: secret });
      expect(problems).toHaveLength(1);
      expect(problems.join()).not.toContain(secret);
    }
  });

  it("of a setting that is no secret is not a setting", () => {
    expect(problemsOf({ YONEXUS_LISTEN_PORT_FILE: "/port" })).toEqual([
      expect.stringMatching(/^YONEXUS_LISTEN_PORT_FILE is not a setting/u),
    ]);
  });

  it("is never read without an end", () => {
    expect(problemsOf({ YONEXUS_MASTER_KEY_FILE: "/dev/null" })[0]).toContain("is empty");
    expect(problemsOf({ YONEXUS_MASTER_KEY_FILE: "/dev/zero" })[0]).toContain("is larger than 64 KiB");
  });
});

describe("several master keys", () => {
  it("are read from YONEXUS_MASTER_KEYS, the first one first, by commas or one a line", () => {
    const both = [new Uint8Array(32).fill(7), new Uint8Array(32).fill(9)];
    expect(loadConfig({ env: { YONEXUS_MASTER_KEYS: `${KEY},${OLD_KEY}` } }).masterKeys).toEqual(both);
    const config = loadConfig({ env: { YONEXUS_MASTER_KEYS_FILE: file(`${KEY}\n${OLD_KEY}\n`) } });
    expect(config.masterKeys).toEqual(both);
  });

  it("beside YONEXUS_MASTER_KEY are refused: nobody could tell which one seals", () => {
    expect(problemsOf({ YONEXUS_MASTER_KEY: KEY, YONEXUS_MASTER_KEYS: `${OLD_KEY},${KEY}` })).toEqual([
      "YONEXUS_MASTER_KEY and YONEXUS_MASTER_KEYS are both set: unset one of them, they are the same setting.",
    ]);
  });
});
