import { afterAll, describe, expect, it } from "vitest";
import { Cli, type CliResult } from "../support/cliProcess.ts";

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
    ["clients"],
    ["client", "show"],
    ["repair"],
    ["revoke"],
    ["send"],
    ["listen"],
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
    { typed: ["listen", "a::b"], names: "is not a rule" },
    { typed: ["allow", "add", "-"], names: "is not an identifier" },
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
    expect(result.stderr).toContain("127.0.0.1:1");
    expect(result.stderr).not.toContain("hidden");
    expect(result.tookMs).toBeLessThan(8_000);
  });

  it("a setting that is none is refused with one sentence", async () => {
    const result = await cli.run(["clients"], { env: { YONEXUS_KEY_PREFX: "a" } });
    expectSentence(result, 1);
    expect(result.stderr).toContain("YONEXUS_KEY_PREFIX");
  });

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
