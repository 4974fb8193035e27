import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterAll, describe, expect, it } from "vitest";
import { type Config, ConfigError, listSettings, loadConfig, redactConfig, type SettingName } from "./index.ts";

const KEY = Buffer.alloc(32, 7).toString("base64");
const OLD_KEY = Buffer.alloc(32, 9).toString("base64");
const TOKEN = "MTIzNDU2.tests-only.not-a-token";

const folder = mkdtempSync(join(tmpdir(), "config-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
function file(content: string): string {
  const path = join(folder, `config${files++}.json`);
  writeFileSync(path, content);
  return path;
}

function load(env: Record<string, string>, content?: Record<string, unknown>): Config {
  return loadConfig(
    content === undefined
      ? { env, hostName: "machine" }
      : { env, hostName: "machine", file: file(JSON.stringify(content)) },
  );
}

function problemsOf(run: () => unknown): readonly string[] {
  try {
    run();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

const PATHS_OF_NO_FILE = ["-----BEGIN CERTIFICATE-----\nMIIB", "/etc/\0", "x".repeat(1_025)];

/** For every setting: texts that are read, with what they become, and texts that are refused. */
const EXAMPLES: { [N in SettingName]: { good: [string, Config[N]][]; bad: string[]; with?: Record<string, string> } } =
  {
    redisUrl: {
      good: [
        ["redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"],
        ["rediss://user:pass@host", "rediss://user:pass@host"],
        ["redis+unix:///run/redis.sock", "redis+unix:///run/redis.sock"],
        ["redis+sentinel://h1:1,h2/name", "redis+sentinel://h1:1,h2/name"],
        ["redis+cluster://h1:1,h2", "redis+cluster://h1:1,h2"],
      ],
      bad: ["127.0.0.1:6379", "http://host", "redis:host"],
    },
    redisCa: { good: [["/etc/yonexus/ca.pem", "/etc/yonexus/ca.pem"]], bad: PATHS_OF_NO_FILE },
    redisCert: {
      good: [["client.pem", "client.pem"]],
      bad: PATHS_OF_NO_FILE,
      with: { YONEXUS_REDIS_KEY: "client.key" },
    },
    redisKey: {
      good: [["client.key", "client.key"]],
      bad: PATHS_OF_NO_FILE,
      with: { YONEXUS_REDIS_CERT: "client.pem" },
    },
    keyPrefix: { good: [["a.b_c-1", "a.b_c-1"]], bad: ["a:b", "a b", "{x}", "x".repeat(33), "é"] },
    masterKeys: {
      good: [
        [KEY, [new Uint8Array(32).fill(7)]],
        [`${KEY}, ${OLD_KEY}`, [new Uint8Array(32).fill(7), new Uint8Array(32).fill(9)]],
        [`${KEY}\n${OLD_KEY}`, [new Uint8Array(32).fill(7), new Uint8Array(32).fill(9)]],
      ],
      bad: [
        KEY.slice(0, -1),
        `${KEY.slice(0, -2)}d=`,
        Buffer.alloc(31).toString("base64"),
        "secret",
        `${KEY},`,
        `!${KEY}`,
      ],
    },
    nodeName: { good: [["front-1", "front-1"]], bad: ["a b", "a/b", "x".repeat(41)] },
    listenHost: {
      good: [
        ["0.0.0.0", "0.0.0.0"],
        ["::1", "::1"],
        ["localhost", "localhost"],
      ],
      bad: ["1.2.3", "256.1.1.1", "http://localhost", "localhost:80", "-a", "a..b"],
    },
    listenPort: {
      good: [
        ["1", 1],
        ["65535", 65_535],
        ["0", 0],
      ],
      bad: ["87o7", "65536", "-1", "80.5", "1e3", "0x50"],
    },
    tlsCert: {
      good: [["/etc/yonexus/node.pem", "/etc/yonexus/node.pem"]],
      bad: PATHS_OF_NO_FILE,
      with: { YONEXUS_TLS_KEY: "node.key" },
    },
    tlsKey: { good: [["node key", "node key"]], bad: PATHS_OF_NO_FILE, with: { YONEXUS_TLS_CERT: "node.pem" } },
    publicWsUrl: {
      good: [
        ["wss://a.example/ws", "wss://a.example/ws"],
        ["ws://127.0.0.1:80", "ws://127.0.0.1:80"],
      ],
      bad: ["https://a.example", "wss://", "a.example", "wss://me:pw@a.example"],
    },
    trustedProxies: {
      good: [
        ["10.0.0.0/8, ::1 fd00::/8", ["10.0.0.0/8", "::1", "fd00::/8"]],
        ["127.0.0.1", ["127.0.0.1"]],
      ],
      bad: ["proxy", "10.0.0.0/33", "::1/129", "10.0.0.0/8/8", "10.0.0.0/"],
    },
    allowedOrigins: {
      good: [
        ["https://example.org, http://localhost:3000", ["https://example.org", "http://localhost:3000"]],
        ["http://[::1]:8080", ["http://[::1]:8080"]],
        ["chrome-extension://abcdefghijklmnop", ["chrome-extension://abcdefghijklmnop"]],
      ],
      bad: [
        "null",
        "*",
        "example.org",
        "https://example.org/",
        "https://Example.org",
        "https://example.org:443",
        "https://me:pw@example.org",
        "https://*.example.org",
        "file://",
      ],
    },
    followerIdentifiers: {
      good: [
        ["alice, bob carol,,alice", ["alice", "bob", "carol"]],
        [",", []],
      ],
      bad: ["-alice", "al!ce", "x".repeat(65)],
    },
    pairingTtlSeconds: {
      good: [
        ["10", 10],
        ["86400", 86_400],
      ],
      bad: ["9", "86401", "5m"],
    },
    notifier: {
      good: [["console", "console"]],
      bad: ["slack", "Console"],
      with: { YONEXUS_NOTIFY_BOT_TOKEN: TOKEN, YONEXUS_ADMIN_USER_ID: "12345" },
    },
    notifyBotToken: {
      good: [[TOKEN, TOKEN]],
      bad: ["Bot abc", "x".repeat(257)],
      with: { YONEXUS_ADMIN_USER_ID: "12345" },
    },
    adminUserId: {
      good: [["123456789012345678", "123456789012345678"]],
      bad: ["admin", "<@123456>", "1234", "1".repeat(33)],
    },
    discordPublicKey: {
      good: [[`${"E6".repeat(31)}05`, `${"e6".repeat(31)}05`]],
      bad: ["e6".repeat(31), `0x${"e6".repeat(31)}`, `${"e6".repeat(31)}zz`, "00".repeat(32)],
    },
    discordApiUrl: {
      good: [["http://127.0.0.1:9/api", "http://127.0.0.1:9/api"]],
      bad: ["discord.com", "ws://discord.com"],
    },
    unstableAfterMs: { good: [["100", 100]], bad: ["99", "86400001"] },
    offlineAfterMs: { good: [["420001", 420_001]], bad: ["199", "420000", "604800001"] },
    sweepIntervalMs: { good: [["100", 100]], bad: ["99", "600001"] },
    leaseMs: { good: [["300", 300]], bad: ["299", "600001"] },
    pingIntervalMs: { good: [["100", 100]], bad: ["99", "600001"] },
    drainWindowMs: { good: [["0", 0]], bad: ["-1", "600001"] },
    maxConnections: { good: [["1", 1]], bad: ["0", "1000001"] },
    maxUnauthenticated: { good: [["1", 1]], bad: ["0", "100001"] },
    maxUnauthenticatedPerAddress: { good: [["1", 1]], bad: ["0", "100001"] },
    maxPendingPairings: { good: [["1", 1]], bad: ["0", "100001"] },
    maxPendingPairingsPerAddress: { good: [["1", 1]], bad: ["0", "100001"] },
    handshakeTimeoutMs: { good: [["100", 100]], bad: ["99", "600001"] },
    maxFrameBytes: { good: [["1024", 1024]], bad: ["1023", "16777217", "64k"] },
    maxSendBufferBytes: { good: [["65536", 65_536]], bad: ["1023", "65535", "1073741825"] },
    inboundRatePerSecond: { good: [["1", 1]], bad: ["0", "100001"] },
    handshakeRatePerSecond: { good: [["1", 1]], bad: ["0", "100001"] },
    handshakeBurst: { good: [["1", 1]], bad: ["0", "100001"] },
    handshakeRatePerAddress: { good: [["1", 1]], bad: ["0", "100001"] },
    inboundBurst: { good: [["1", 1]], bad: ["0", "1000001"] },
    ruleBacklog: { good: [["1", 1]], bad: ["0", "10000001"] },
    queueMessages: { good: [["1", 1]], bad: ["0", "100001"] },
    queueBytes: { good: [["1024", 1024]], bad: ["1023", "1073741825"] },
    queueTtlSeconds: { good: [["1", 1]], bad: ["0", "31536001"] },
    adminHost: {
      good: [
        ["0.0.0.0", "0.0.0.0"],
        ["::1", "::1"],
      ],
      bad: ["0.0.0.0:9090", "http://localhost"],
    },
    adminPort: {
      good: [
        ["9090", 9090],
        ["0", 0],
      ],
      bad: ["metrics", "65536", "-1"],
    },
    consoleUrl: {
      good: [
        ["http://127.0.0.1:9090", "http://127.0.0.1:9090"],
        ["https://admin.example/yonexus", "https://admin.example/yonexus"],
      ],
      bad: ["admin.example", "ws://admin.example", "https://me:pw@admin.example"],
    },
    passphraseFile: { good: [["passphrase.txt", "passphrase.txt"]], bad: ["a\nb"] },
    logLevel: {
      good: [
        ["silent", "silent"],
        ["trace", "trace"],
      ],
      bad: ["verbose", "INFO"],
    },
  };

describe.each(listSettings())("the setting $env", ({ name, env, fileKey, secret }) => {
  const { good, bad, with: beside = {} } = EXAMPLES[name];

  it.each(good as [string, unknown][])("is read from %j", (text, value) => {
    expect(load({ ...beside, [env]: text })[name]).toEqual(value);
    expect(load(beside, { [fileKey]: text })[name]).toEqual(value);
  });

  it.each(bad)("refuses %j with one problem that names the variable", (text) => {
    const problems = problemsOf(() => load({ ...beside, [env]: text }));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(new RegExp(`^${env} is .+: .+`));
    if (secret === true) expect(problems[0]).not.toContain(text);
  });

  it("is unset when it is empty", () => {
    expect(load({ [env]: " " })[name]).toEqual(load({})[name]);
  });
});

describe("loadConfig", () => {
  it("has a default for everything but the settings that only the operator can know", () => {
    const config = load({});
    const unset = listSettings().filter(({ name }) => config[name] === undefined);
    expect(unset.map(({ env }) => env)).toEqual([
      "REDIS_URL",
      "YONEXUS_REDIS_CA",
      "YONEXUS_REDIS_CERT",
      "YONEXUS_REDIS_KEY",
      "YONEXUS_TLS_CERT",
      "YONEXUS_TLS_KEY",
      "YONEXUS_PUBLIC_WS_URL",
      "YONEXUS_NOTIFY_BOT_TOKEN",
      "YONEXUS_ADMIN_USER_ID",
      "YONEXUS_DISCORD_PUBLIC_KEY",
      "YONEXUS_ADMIN_PORT",
      "YONEXUS_CONSOLE_URL",
      "YONEXUS_PASSPHRASE_FILE",
    ]);
    expect(config.masterKeys).toEqual([]);
    expect(config.offlineAfterMs).toBe(660_000);
  });

  it("returns a frozen object with frozen lists", () => {
    const config = load({ YONEXUS_MASTER_KEY: KEY });
    for (const value of [config, config.masterKeys, config.followerIdentifiers, config.trustedProxies]) {
      expect(Object.isFrozen(value)).toBe(true);
    }
  });

  it("describes a wrong value in one sentence", () => {
    expect(problemsOf(() => load({ YONEXUS_LISTEN_PORT: "87o7" }))).toEqual([
      'YONEXUS_LISTEN_PORT is "87o7": it must be a whole number from 1 to 65535.',
    ]);
  });

  it("says how a secret is made and does not repeat it", () => {
    expect(problemsOf(() => load({ YONEXUS_MASTER_KEY: "hunter2" }))).toEqual([
      "YONEXUS_MASTER_KEY is not 32 bytes in base64: make one with: openssl rand -base64 32",
    ]);
  });

  it("reports all problems of the environment and the file together", () => {
    const path = file(JSON.stringify({ listenHost: "a b", colour: 1, leaseMs: "soon" }));
    const problems = problemsOf(() =>
      loadConfig({
        env: { YONEXUS_LISTEN_PORT: "x", YONEXUS_LISTN_HOST: "y", REDIS_URL: "" },
        file: path,
        require: ["redisUrl", "masterKeys"],
      }),
    );
    expect(problems).toEqual([
      `colour in ${path} is not a setting: remove it, or look for its name in docs/configuration.md.`,
      "YONEXUS_LISTN_HOST is not a setting: did you mean YONEXUS_LISTEN_HOST?",
      `listenHost in ${path} is "a b": it must be an IP address or a host name, without a port.`,
      'YONEXUS_LISTEN_PORT is "x": it must be a whole number from 1 to 65535.',
      `leaseMs in ${path} is "soon": it must be a whole number of milliseconds from 300 to 600000.`,
      "REDIS_URL is not set: it must begin with redis://, rediss://, redis+unix://, redis+sentinel:// or redis+cluster://.",
      "YONEXUS_MASTER_KEY is not set: make one with: openssl rand -base64 32",
    ]);
  });

  it("throws a ConfigError with a literal code and every problem in its message", () => {
    try {
      load({ YONEXUS_LISTEN_PORT: "x", YONEXUS_LOG_LEVEL: "loud" });
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError);
      expect(error).toMatchObject({ code: "CONFIG_INVALID", name: "ConfigError" });
      for (const problem of (error as ConfigError).problems) expect((error as ConfigError).message).toContain(problem);
    }
  });

  it("lets the environment beat the file, and an empty variable not", () => {
    expect(load({ YONEXUS_LISTEN_PORT: "1000" }, { listenPort: 2000 }).listenPort).toBe(1000);
    expect(load({ YONEXUS_LISTEN_PORT: "" }, { listenPort: 2000 }).listenPort).toBe(2000);
  });

  it("reads numbers and lists of a JSON file as they are written there", () => {
    const config = load({}, { listenPort: 99, followerIdentifiers: ["alice", "bob"], masterKey: [KEY, OLD_KEY] });
    expect(config).toMatchObject({ listenPort: 99, followerIdentifiers: ["alice", "bob"] });
    expect(config.masterKeys).toHaveLength(2);
  });

  it.each([
    [{ listenPort: true }, "listenPort"],
    [{ adminUserId: 123456789 }, "adminUserId"],
    [{ followerIdentifiers: [1] }, "followerIdentifiers"],
    [{ logLevel: null }, "logLevel"],
  ])("refuses %j in a file for its JSON type", (content, key) => {
    expect(problemsOf(() => load({}, content))).toEqual([
      expect.stringMatching(new RegExp(`^${key} in .+ has the wrong JSON type: it must be `)),
    ]);
  });

  it("refuses a file that is missing, is not JSON or is not an object, without quoting it", () => {
    const missing = join(folder, "missing.json");
    const broken = file(`{ "notifyBotToken": ${TOKEN} }`);
    const list = file("[1]");
    for (const path of [missing, broken, list]) {
      const problems = problemsOf(() => loadConfig({ env: {}, file: path }));
      expect(problems).toEqual([expect.stringContaining(path)]);
      expect(problems[0]).not.toContain(TOKEN.slice(0, 6));
    }
  });

  it.each([
    ["YONEXUS_REDIS_URL", "REDIS_URL"],
    ["YONEXUS_MASTERKEY", "YONEXUS_MASTER_KEY"],
    ["YONEXUS_MASTER_KEY_FIL", "YONEXUS_MASTER_KEY"],
    ["YONEXUS_REDIS_URL_FILE", "REDIS_URL_FILE"],
    ["YONEXUS_BOT_TOKEN", "YONEXUS_NOTIFY_BOT_TOKEN"],
    ["YONEXUS_listenPort", "YONEXUS_LISTEN_PORT"],
  ])("suggests the nearest name for %s", (wrong, meant) => {
    expect(problemsOf(() => load({ [wrong]: TOKEN }))).toEqual([`${wrong} is not a setting: did you mean ${meant}?`]);
  });

  it.each([
    ["YONEXUS_TLS_CERT", "YONEXUS_TLS_KEY"],
    ["YONEXUS_TLS_KEY", "YONEXUS_TLS_CERT"],
    ["YONEXUS_REDIS_CERT", "YONEXUS_REDIS_KEY"],
    ["YONEXUS_REDIS_KEY", "YONEXUS_REDIS_CERT"],
  ])("refuses %s without %s: a certificate and its key come together", (one, other) => {
    expect(problemsOf(() => load({ [one]: "/a.pem" }))).toEqual([
      `${other} is not set: a certificate needs its key. Set both, or neither.`,
    ]);
  });

  it("leaves variables of others alone, those of a Kubernetes Service called yonexus included", () => {
    const links = {
      KUBERNETES_SERVICE_HOST: "10.0.0.1",
      YONEXUS_SERVICE_HOST: "10.0.0.2",
      YONEXUS_SERVICE_PORT_WS: "8787",
      YONEXUS_PORT: "tcp://10.0.0.2:8787",
      YONEXUS_PORT_8787_TCP_ADDR: "10.0.0.2",
    };
    expect(load({ PATH: "/bin", ...links }).listenPort).toBe(8787);
    expect(problemsOf(() => load({ ...links, YONEXUS_LISTN_PORT: "1" }))).toHaveLength(1);
    expect(problemsOf(() => load({ YONEXUS_SERVICE_HOST: "10.0.0.2" }))).toHaveLength(1);
  });

  it("chooses the notifier by the bot token, and the discord notifier needs a token and a user", () => {
    expect(load({}).notifier).toBe("console");
    expect(load({ YONEXUS_NOTIFY_BOT_TOKEN: TOKEN, YONEXUS_ADMIN_USER_ID: "12345" }).notifier).toBe("discord");
    expect(problemsOf(() => load({ YONEXUS_NOTIFIER: "discord" }))).toEqual([
      expect.stringMatching(/^YONEXUS_NOTIFY_BOT_TOKEN is not set: /),
      expect.stringMatching(/^YONEXUS_ADMIN_USER_ID is not set: /),
    ]);
  });

  it("gives one address a quarter of the handshake rate, one a second at least, unless told", () => {
    const share = (env: Record<string, string>) => load(env).handshakeRatePerAddress;
    expect(share({})).toBe(200);
    expect(share({ YONEXUS_HANDSHAKE_RATE: "1" })).toBe(1);
    expect(share({ YONEXUS_HANDSHAKE_RATE: "100" })).toBe(25);
    expect(share({ YONEXUS_HANDSHAKE_RATE: "100", YONEXUS_HANDSHAKE_RATE_PER_ADDRESS: "90" })).toBe(90);
  });

  it("makes the node's name from the machine's", () => {
    const name = (hostName: string) => loadConfig({ env: {}, hostName }).nodeName;
    expect(name("web 01.é.example")).toBe("web-01.-.example");
    expect(name("x".repeat(70))).toHaveLength(40);
    expect(name("")).toBe("node");
  });
});

describe("secrets", () => {
  const password = "correct-horse-battery";
  const env = {
    REDIS_URL: `redis://:${password}@127.0.0.1`,
    YONEXUS_MASTER_KEY: KEY,
    YONEXUS_NOTIFY_BOT_TOKEN: TOKEN,
    YONEXUS_ADMIN_USER_ID: "12345",
  };

  it.each(listSettings())("are in no problem when they are pasted into $env", ({ env: variable, secret }) => {
    // Where the setting is itself a secret, any text is; elsewhere it is known by being another setting's, or by its length.
    const pasted = [env.REDIS_URL, KEY, TOKEN, "y".repeat(70), ...(secret === true ? [password] : [])];
    for (const text of pasted) {
      for (const wrong of [`${text} x`, `{${text}`, `${text}\n,,//`]) {
        const problems = problemsOf(() => load({ ...env, [variable]: wrong, YONEXUS_SWEEP_INTERVAL_MS: "1" }));
        expect(problems.length).toBeGreaterThan(0);
        expect(problems.join("\n")).not.toContain(text);
      }
    }
  });

  it("do not show when a configuration is printed, logged or turned into JSON as a whole", () => {
    const config = load(env);
    const shown = [
      inspect(config),
      JSON.stringify(config),
      JSON.stringify(redactConfig(config)),
      `${inspect({ config })}`,
    ];
    for (const text of shown) {
      for (const secret of [password, KEY, TOKEN, "7,7,7", "7, 7, 7"]) expect(text).not.toContain(secret);
      expect(text).toContain("(set)");
    }
    expect(redactConfig(load({})).masterKeys).toBe("(not set)");
    expect(config.notifyBotToken).toBe(TOKEN);
  });
});
