import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { unixSocketUrl } from "@yonexus/protocol/operator";
import { afterAll, describe, expect, it } from "vitest";
import { Cli, type CliResult, LAUNCHER } from "../support/cliProcess.ts";
import { startRedis } from "../support/redisServer.ts";

/** One line on standard error, a sentence, and nothing on standard output. */
function expectSentence(result: CliResult, exitCode: number): void {
  expect(result).toMatchObject({ exitCode, signal: null, stdout: "" });
  expect(result.stderr).toMatch(/^[^\n]+[.?]\n$/u);
}

describe("yonexus without a cluster", () => {
  const cli = new Cli();
  afterAll(() => cli.remove());

  it.each([
    [],
    ["up"],
    ["node"],
    ["coordinator"],
    ["allow"],
    ["allow", "add"],
    ["allow", "remove"],
    ["allow", "list"],
    ["allow", "sources"],
    ["allow", "forget-source"],
    ["pairings"],
    ["approve"],
    ["deny"],
    ["clients"],
    ["client", "show"],
    ["repair"],
    ["revoke"],
    ["send"],
    ["message"],
    ["listen"],
    ["dead-letters"],
    ["dead-letters", "list"],
    ["dead-letters", "retry"],
    ["dead-letters", "drop"],
    ["follow"],
    ["doctor"],
  ])("%s --help shows an example and exits 0", async (...command) => {
    const result = await cli.run([...command, "--help"]);
    expect(result).toMatchObject({ exitCode: 0, stderr: "" });
    expect(result.stdout).toContain("Usage: yonexus");
    expect(result.stdout).toContain("Example:\n  ");
  });

  it.each([
    { typed: ["snd"], names: "snd: did you mean send?" },
    { typed: ["send", "alpha", "chat::x", "--jsn"], names: "did you mean --json?" },
    { typed: ["send", "alpha"], names: "see yonexus send --help" },
    { typed: ["send", "alpha", "chat::x", "more"], names: "Too many arguments" },
    { typed: ["send", "no spaces", "chat::x"], names: "is not an identifier" },
    { typed: ["send", "alpha", "no rule"], names: "rule::content" },
    { typed: ["send", "alpha", "builtin::{}"], names: "rule::content" },
    { typed: ["send", "alpha", "chat::x", "--timeout", "soon"], names: "whole number" },
    { typed: ["send", "alpha", "chat::x", "--queue", "--ttl", "soon"], names: "24h" },
    { typed: ["send", "alpha", "chat::x", "--queue", "--ttl", "0"], names: "more than 0" },
    { typed: ["send", "alpha", "chat::x", "--queue", "--ttl", "-5s"], names: "more than 0" },
    { typed: ["send", "alpha", "chat::x", "--queue", "--ttl", "366d"], names: "at most 365 days" },
    { typed: ["send", "alpha", "chat::x", "--ttl", "1h"], names: "--queue" },
    { typed: ["send", "alpha", "chat::x", "--wait", "acked"], names: "--queue" },
    { typed: ["send", "alpha", "chat::x", "--queue", "--wait", "read"], names: "written" },
    { typed: ["send", "alpha", "chat::x", "--id", "a b"], names: "is not the id of a message" },
    { typed: ["message"], names: "see yonexus message --help" },
    { typed: ["message", "a.b"], names: "is not the id of a message" },
    { typed: ["listen", "a::b"], names: "is not a rule" },
    { typed: ["dead-letters", "retry", "17-0"], names: "--rule RULE or --follower IDENTIFIER" },
    { typed: ["dead-letters", "drop", "--rule", "chat"], names: "or --all" },
    { typed: ["dead-letters", "drop", "--rule", "chat", "--all", "17-0"], names: "not both" },
    { typed: ["dead-letters", "retry", "--rule", "chat", "17"], names: "is not a dead letter" },
    { typed: ["dead-letters", "list", "--rule", "chat", "--follower", "alpha"], names: "not both" },
    { typed: ["allow", "add", "-"], names: "is not an identifier" },
    { typed: ["allow", "forget-source", "a b"], names: "is not a configuration" },
    { typed: ["approve"], names: "see yonexus approve --help" },
    { typed: ["approve", "a b"], names: "is neither the id of a pairing nor an identifier" },
    { typed: ["deny", "!"], names: "is neither the id of a pairing nor an identifier" },
    { typed: ["follow", "--identifier", "alpha"], names: "--url" },
    { typed: ["follow", "--identifier", "alpha", "--url", "http://x"], names: "ws://" },
    { typed: ["up", "--nodes", "0"], names: "number of nodes" },
    { typed: ["up", "--nodes", "3", "--port", "65534"], names: "--port" },
  ])("$typed is answered with one sentence and exit code 2", async ({ typed, names }) => {
    const result = await cli.run(typed);
    expectSentence(result, 2);
    expect(result.stderr).toContain(names);
  });

  it("standard input that is not text is refused with exit code 2", async () => {
    expectSentence(await cli.run(["send", "alpha", "-"], { input: Uint8Array.of(0x61, 0x3a, 0x3a, 0xff) }), 2);
  });

  it("a command that needs a cluster says how to start one", async () => {
    const result = await cli.run(["clients"]);
    expectSentence(result, 1);
    expect(result.stderr).toContain("./scripts/start.sh");
  });

  it("a Redis that does not answer is named, without the password, within seconds", async () => {
    const result = await cli.run(["send", "alpha", "chat::x"], { env: { REDIS_URL: "redis://:hidden@127.0.0.1:1" } });
    expectSentence(result, 1);
    expect(result.stderr).toBe(
      "Nothing listens at the place of REDIS_URL, at 127.0.0.1:1. Start Redis, or check host and port in REDIS_URL.\n",
    );
    expect(result.tookMs).toBeLessThan(20_000);
  });

  it("a Redis that is out of reach, or is spoken to by TLS and does not speak it, is told in plain words", async () => {
    // A listener that never accepts: the kernel takes the connection, and nobody answers.
    const mute = createServer((socket) => socket.pause()).listen(0, "127.0.0.1");
    await once(mute, "listening");
    const { port } = mute.address() as AddressInfo;
    for (const protocol of ["redis", "rediss"]) {
      const result = await cli.run(["clients"], { env: { REDIS_URL: `${protocol}://127.0.0.1:${port}` } });
      expectSentence(result, 1);
      expect(result.stderr).toContain(`Redis did not answer in time, at 127.0.0.1:${port}. See that it runs`);
      expect(result.stderr).toContain("rediss:// names a port that speaks TLS");
    }
    mute.close();
  });

  it("a cluster of this folder that has ended is told how to start again, and doctor tells the same", async () => {
    const socket = join(cli.folder, "redis.sock");
    const file = { redis: unixSocketUrl(socket), keyPrefix: "yonexus", nodes: [], pid: 1 };
    mkdirSync(join(cli.folder, "ended"));
    writeFileSync(join(cli.folder, "ended", "cluster.json"), JSON.stringify(file));
    const result = await cli.run(["clients", "--data-dir", "ended"]);
    expectSentence(result, 1);
    expect(result.stderr).toMatch(
      /^Redis does not answer at .*redis\.sock\. The cluster of this folder .*start\.sh\.\n$/u,
    );
    const doctor = await cli.run(["doctor", "--data-dir", "ended", "--json"]);
    expect(JSON.parse(doctor.stdout)).toMatchObject({
      findings: [
        { check: "configuration" },
        {
          check: "redis",
          found: `Redis does not answer at ${socket}`,
          mend: expect.stringContaining("./scripts/start.sh"),
        },
      ],
    });
  });

  it("a taken port, and an address that is not this machine's, are named with their mend", async () => {
    const redis = await startRedis({ persistent: false });
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    const env = {
      REDIS_URL: redis.url,
      YONEXUS_MASTER_KEY: Buffer.alloc(32, 1).toString("base64"),
      YONEXUS_LOG_LEVEL: "error",
    };
    try {
      const busy = await cli.run(["node"], {
        env: { ...env, YONEXUS_LISTEN_HOST: "127.0.0.1", YONEXUS_LISTEN_PORT: String(port) },
      });
      expectSentence(busy, 1);
      expect(busy.stderr).toBe(`Port ${port} is taken: stop what listens there, or set YONEXUS_LISTEN_PORT.\n`);
      const elsewhere = await cli.run(["node"], { env: { ...env, YONEXUS_LISTEN_HOST: "192.0.2.1" } });
      expectSentence(elsewhere, 1);
      expect(elsewhere.stderr).toContain("YONEXUS_LISTEN_HOST");
    } finally {
      taken.close();
      await redis.stop();
    }
  });

  it("a Redis that answers and refuses is not said to be away, and doctor finds what it refuses", async () => {
    const redis = await startRedis({ persistent: false });
    const env = { REDIS_URL: redis.url };
    try {
      expect((await cli.run(["allow", "add", "alpha"], { env })).exitCode).toBe(0);
      await redis.command("CONFIG", "SET", "maxmemory", "100kb");
      const full = await cli.run(["allow", "add", "beta"], { env });
      expectSentence(full, 1);
      expect(full.stderr).toContain("Raise maxmemory");
      expect(full.stderr).not.toContain("does not answer");
      const { findings } = JSON.parse((await cli.run(["doctor", "--json"], { env })).stdout) as {
        findings: { check: string; status: string; mend?: string }[];
      };
      expect(findings).toContainEqual(expect.objectContaining({ check: "memory", status: "warning" }));
      expect(findings).toContainEqual(
        expect.objectContaining({ check: "writing", status: "broken", mend: expect.stringContaining("maxmemory") }),
      );
      await redis.command("CONFIG", "SET", "maxmemory", "0");
      // Of a primary that is not there; a replica takes no writes all the same.
      await redis.command("REPLICAOF", "127.0.0.1", "1");
      const replica = await cli.run(["allow", "add", "beta"], { env });
      expectSentence(replica, 1);
      expect(replica.stderr).toContain("read-only replica");
      await redis.command("REPLICAOF", "NO", "ONE");
      await redis.command("CONFIG", "SET", "requirepass", "another");
      const locked = await cli.run(["clients"], { env });
      expectSentence(locked, 1);
      expect(locked.stderr).toContain("asks for a password");
    } finally {
      await redis.stop();
    }
  });

  it.runIf(process.platform === "linux")("a folder that cannot be made is told with a sentence", async () => {
    const result = await cli.run(["up", "--data-dir", "/proc/x"]);
    expectSentence(result, 1);
    expect(result.stderr).toContain("--data-dir");
  });

  it.runIf(existsSync("/dev/full"))("output that is lost is a failure, and a reader that is gone is none", async () => {
    const shell = (line: string) =>
      spawnSync("/bin/sh", ["-c", line, "sh", process.execPath, LAUNCHER], { encoding: "utf8", timeout: 20_000 });
    const full = shell('"$1" "$2" --help >/dev/full');
    expect(full).toMatchObject({ status: 1, stderr: expect.stringContaining("ENOSPC") });
    expect(shell('{ "$1" "$2" --help; echo $? >&2; } | true')).toMatchObject({ stderr: "0\n" });
  });

  it("a setting that is none is refused with one sentence", async () => {
    const result = await cli.run(["clients"], { env: { YONEXUS_KEY_PREFX: "a" } });
    expectSentence(result, 1);
    expect(result.stderr).toContain("YONEXUS_KEY_PREFIX");
  });

  it.each(["node", "coordinator"])(
    "%s that is told to stop while it waits for Redis ends in good order",
    async (command) => {
      const env = { REDIS_URL: "redis://127.0.0.1:1", YONEXUS_MASTER_KEY: Buffer.alloc(32, 1).toString("base64") };
      const waiting = cli.start([command, "--json"], { env });
      await waiting.says("Redis does not answer");
      waiting.signal("SIGINT");
      expect(await waiting.ended).toMatchObject({ exitCode: 0, signal: null, stdout: "" });
    },
  );

  it.each(["node", "coordinator"])(
    "%s refuses to start without Redis and master key, and names both",
    async (command) => {
      const result = await cli.run([command, "--json"]);
      expect(result).toMatchObject({ exitCode: 1, stdout: "" });
      expect(result.stderr).toContain("REDIS_URL");
      expect(result.stderr).toContain("YONEXUS_MASTER_KEY");
    },
  );
});
