import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Cli, type CliResult } from "../support/cliProcess.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { auditEvents, pairFollower } from "../support/stores.ts";
import { startAtTerminal, type TerminalProcess } from "../support/terminalProcess.ts";
import { TestCluster } from "../support/testCluster.ts";

const PASSPHRASE = "correct horse battery staple";
const OTHER_KEY = Buffer.from(new Uint8Array(32).fill(9)).toString("base64");

describe("yonexus trust", () => {
  const cli = new Cli();
  const passphraseFile = join(cli.folder, "passphrase");
  let server: RedisServer;
  let from: TestCluster;
  let to: TestCluster;
  let files = 0;
  let file = "";

  beforeAll(async () => {
    server = await startRedis({ persistent: false });
    writeFileSync(passphraseFile, `${PASSPHRASE}\n`);
  });
  beforeEach(async () => {
    from = await TestCluster.open(server.url);
    to = await TestCluster.open(server.url);
    files += 1;
    file = join(cli.folder, `trust-${files}.json`);
  });
  afterEach(async () => {
    await from.stop();
    await to.stop();
  });
  afterAll(async () => {
    cli.remove();
    await server.stop();
  });

  const run = (cluster: TestCluster, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<CliResult> =>
    cli.run(["trust", ...args], { env: { ...cluster.env, YONEXUS_PASSPHRASE_FILE: passphraseFile, ...env } });
  const atTerminal = (cluster: TestCluster, ...args: string[]): Promise<TerminalProcess> =>
    startAtTerminal(["trust", ...args], { cwd: cli.folder, env: cluster.env });
  const snapshotOf = async ({ stores }: TestCluster): Promise<unknown> =>
    Object.fromEntries(
      await Promise.all(
        (await stores.redis.keys(`${stores.keys.prefix}:*:trust`)).map(async (key) => [
          key,
          await stores.redis.hgetall(key),
        ]),
      ),
    ) as unknown;

  it("carries followers to another cluster, where they are let in without pairing again", async () => {
    const alpha = await from.pairedFollower("alpha");
    await from.stores.trust.allow(["beta"]);
    const exported = await run(from, ["export", "--out", file]);
    expect(exported).toMatchObject({ exitCode: 0, stderr: "" });
    expect(exported.stdout).toMatch(/2 followers, 1 of them paired\. Keep it and its passphrase apart/u);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    for (const hidden of [alpha.secret ?? "no secret", "alpha", PASSPHRASE])
      expect(readFileSync(file, "utf8")).not.toContain(hidden);

    const imported = await run(to, ["import", file]);
    expect(imported).toMatchObject({ exitCode: 0, stderr: "" });
    expect(imported.stdout).toMatch(
      /^follower +what +why\nalpha +allowed, paired +unknown here\nbeta +allowed +unknown here\n2 imported into /u,
    );
    expect(imported.stdout + exported.stdout).not.toContain(alpha.secret ?? "no secret");
    const node = await to.startNode();
    await to.logIn(node, alpha);
    expect(await to.status("alpha")).toBe("online");
    expect(await auditEvents(to.stores, "alpha")).toEqual(["allowed", "trust_imported", "online"]);
  });

  it("a second import of a file changes nothing", async () => {
    await from.pairedFollower("alpha");
    await run(from, ["export", "--out", file]);
    await run(to, ["import", file]);
    const before = await snapshotOf(to);
    const again = await run(to, ["import", file]);
    expect(again).toMatchObject({ exitCode: 0, stderr: "" });
    expect(again.stdout).toMatch(/^1 is here already, and stays as it is\.\n0 imported into /u);
    expect(await snapshotOf(to)).toEqual(before);
  });

  it("--dry-run says what it would do, and changes nothing", async () => {
    await from.pairedFollower("alpha");
    await from.pairedFollower("beta");
    await to.pairedFollower("beta");
    await run(from, ["export", "--out", file]);
    const before = await snapshotOf(to);
    const dry = await run(to, ["import", file, "--dry-run", "--replace"]);
    expect(dry).toMatchObject({ exitCode: 0, stderr: "" });
    expect(dry.stdout).toMatch(
      /beta +replaced: allowed, paired +another key here\nNothing was changed: 2 would be imported into /u,
    );
    const { stdout } = await run(to, ["import", file, "--dry-run", "--json"]);
    expect(JSON.parse(stdout)).toEqual({
      dryRun: true,
      followers: [
        { identifier: "alpha", outcome: "planned" },
        { identifier: "beta", outcome: "left" },
      ],
      unread: [],
    });
    expect(await snapshotOf(to)).toEqual(before);
  });

  it("leaves another trust as it is where nobody can be asked, brings the rest, and fails", async () => {
    await from.pairedFollower("alpha");
    await from.pairedFollower("beta");
    const beta = await to.pairedFollower("beta");
    await run(from, ["export", "--out", file]);
    const node = await to.startNode();
    const live = await to.logIn(node, beta);
    const result = await run(to, ["import", file]);
    expect(result.exitCode).toBe(1);
    expect(result.stdout).toMatch(
      /1 imported into .* Left as it is here: beta\. Add --replace to take what the file says\.\n$/u,
    );
    expect(await to.status("beta")).toBe("online");
    await live.close();
    expect(await to.stores.directory.find("alpha")).toMatchObject({ paired: true });
  });

  it("--replace takes what the file says and ends the session that the old trust had let in", async () => {
    const brought = await from.pairedFollower("beta");
    const old = await to.pairedFollower("beta");
    await run(from, ["export", "--out", file]);
    const node = await to.startNode();
    const live = await to.logIn(node, old);
    const { stdout, exitCode } = await run(to, ["import", file, "--replace", "--json"]);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      dryRun: false,
      followers: [{ identifier: "beta", outcome: "imported", closedOn: expect.any(String) as string }],
    });
    expect((await live.closed()).code).toBe(4510);
    await to.logIn(node, brought);
    expect(await to.status("beta")).toBe("online");
  });

  it("at a terminal asks before another trust is replaced, and takes no for an answer", async () => {
    await from.pairedFollower("beta");
    await to.pairedFollower("beta");
    await run(from, ["export", "--out", file]);
    const before = await snapshotOf(to);
    for (const { answer, expected } of [
      { answer: "n\r", expected: "0 imported" },
      { answer: "yes\r", expected: "1 imported" },
    ]) {
      const terminal = await atTerminal(to, "import", file);
      await terminal.shows(`The passphrase of ${file}: `);
      terminal.type(`${PASSPHRASE}\r`);
      await terminal.shows("1 follower has another trust here: replace it");
      terminal.type(answer);
      expect(await terminal.ended()).toMatchObject({ exitCode: 0 });
      expect(terminal.output).toContain(expected);
      expect(terminal.output).not.toContain(PASSPHRASE);
      if (answer === "n\r") expect(await snapshotOf(to)).toEqual(before);
    }
    expect(await snapshotOf(to)).not.toEqual(before);
  });

  it("at a terminal asks for the passphrase twice, never shows it, and gives the terminal back", async () => {
    await from.pairedFollower("alpha");
    const terminal = await atTerminal(from, "export", "--out", file);
    await terminal.shows("A passphrase of 12 characters or more: ");
    terminal.type(`${PASSPHRASE}x\u007f\r`);
    await terminal.shows("The same again: ");
    terminal.type(`${PASSPHRASE}\r`);
    const { exitCode, modes } = await terminal.ended();
    expect(exitCode).toBe(0);
    expect(modes).toMatch(/ icanon .* echo /su);
    expect(terminal.output).not.toContain(PASSPHRASE);
    expect(await run(to, ["import", file])).toMatchObject({ exitCode: 0, stderr: "" });
  });

  it.each([
    ["two that differ", [`${PASSPHRASE}\r`, "another passphrase\r"], /The two are not the same: nothing was done/u],
    ["one that is too short", ["short\r"], /has fewer than 12 characters/u],
    ["Ctrl-C", ["\u0003"], /Nothing was done\./u],
    ["the end of input", ["\u0004"], /Nothing was typed: nothing was done\./u],
  ])("at a terminal %s ends it with a sentence, and no file is there", async (_, answers, sentence) => {
    const terminal = await atTerminal(from, "export", "--out", file);
    const questions = ["A passphrase of 12 characters or more: ", "The same again: "];
    for (const [index, answer] of answers.entries()) {
      await terminal.shows(questions[index] ?? "");
      terminal.type(answer);
    }
    const { exitCode, modes } = await terminal.ended();
    expect(exitCode).toBe(1);
    expect(terminal.output).toMatch(sentence);
    expect(modes).toMatch(/ icanon .* echo /su);
    expect(() => statSync(file)).toThrow(/ENOENT/u);
  });

  it("imports the plain file of a single-process server, and says what it could not read", async () => {
    const alpha = await from.pairedFollower("alpha");
    const clients = [
      {
        identifier: "alpha",
        publicKey: alpha.publicKey,
        secret: alpha.secret,
        pairedAt: 1_700_000_000,
        pairingStatus: "paired",
      },
      { identifier: "broken", publicKey: "???", secret: "a secret of it" },
    ];
    writeFileSync(file, JSON.stringify({ version: 1, clients }));
    const { exitCode, stdout, stderr } = await run(to, ["import", file]);
    expect(exitCode).toBe(1);
    expect(stdout).toContain("1 imported into ");
    expect(stderr).toBe("Not read: broken: its key is no Ed25519 public key in base64 or PEM.\n");
    const node = await to.startNode();
    await to.logIn(node, alpha);
    expect(await to.status("alpha")).toBe("online");
  });

  it("without --out the file goes to standard output, and what is told beside it", async () => {
    await from.pairedFollower("alpha");
    const { stdout, stderr } = await run(from, ["export"]);
    expect(JSON.parse(stdout)).toMatchObject({
      format: "yonexus-trust",
      version: 1,
      kdf: { name: "scrypt", N: 131_072 },
    });
    expect(stderr).toMatch(/^1 follower, 1 of them paired\./u);
  });

  it("an export never replaces a file", async () => {
    writeFileSync(file, "mine");
    const result = await run(from, ["export", "--out", file]);
    expect(result).toMatchObject({ exitCode: 1, stdout: "" });
    expect(result.stderr).toMatch(/is there already: take another name/u);
    expect(readFileSync(file, "utf8")).toBe("mine");
  });

  it.each([
    [
      "no terminal and no passphrase file",
      ["export"],
      { YONEXUS_PASSPHRASE_FILE: "" },
      1,
      /There is no terminal to ask for the passphrase: .*YONEXUS_PASSPHRASE_FILE/u,
    ],
    [
      "a passphrase file that is not there",
      ["export"],
      { YONEXUS_PASSPHRASE_FILE: "nowhere" },
      1,
      /YONEXUS_PASSPHRASE_FILE is nowhere, a file that is not there/u,
    ],
    ["no master key", ["export"], { YONEXUS_MASTER_KEY: "" }, 1, /set YONEXUS_MASTER_KEY/u],
    ["a passphrase on the command line", ["export", "--passphrase", "secret"], {}, 2, /Unknown option --passphrase/u],
    ["--json without --out", ["export", "--json"], {}, 2, /--json tells of the file that --out names/u],
    ["a file that is not there", ["import", "nowhere.json"], {}, 1, /nowhere\.json cannot be read \(ENOENT\)/u],
    ["a file that is no trust file", ["import", "passphrase"], {}, 1, /passphrase is no JSON/u],
  ])("%s is refused with a sentence", async (_, args, env, exitCode, sentence) => {
    const result = await run(from, args, env);
    expect(result).toMatchObject({ exitCode, stdout: "" });
    expect(result.stderr).toMatch(sentence);
    expect(result.stderr.trim().split("\n")).toHaveLength(1);
  });

  it("another passphrase is refused, and nothing is brought", async () => {
    await from.pairedFollower("alpha");
    await run(from, ["export", "--out", file]);
    const other = join(cli.folder, "other");
    writeFileSync(other, "another passphrase");
    const result = await run(to, ["import", file], { YONEXUS_PASSPHRASE_FILE: other });
    expect(result).toMatchObject({ exitCode: 1, stdout: "" });
    expect(result.stderr).toMatch(/The passphrase does not open .*: nothing was done\.\n$/u);
    expect(await snapshotOf(to)).toEqual({});
  });

  it("a master key that the live nodes do not have seals nothing, and a secret that it does not open is named", async () => {
    await from.pairedFollower("alpha");
    await run(from, ["export", "--out", file]);
    await to.startNode();
    const imported = await run(to, ["import", file], { YONEXUS_MASTER_KEY: OTHER_KEY });
    expect(imported).toMatchObject({ exitCode: 1, stdout: "" });
    expect(imported.stderr).toMatch(
      /^The node \S+ does not have the master key that is set here \([\da-f]{8}\): set YONEXUS_MASTER_KEY/u,
    );
    expect(await snapshotOf(to)).toEqual({});
    const exported = await run(from, ["export"], { YONEXUS_MASTER_KEY: OTHER_KEY });
    expect(exported).toMatchObject({ exitCode: 1, stdout: "" });
    expect(exported.stderr).toMatch(/^The secret of alpha cannot be read\./u);
  });

  it("a follower that pairs while it is imported keeps what it got last, as a whole", async () => {
    const brought = await from.pairedFollower("alpha");
    await run(from, ["export", "--out", file]);
    await to.stores.trust.allow(["alpha"]);
    const [result] = await Promise.all([
      run(to, ["import", file, "--json"]),
      pairFollower(to.stores, "alpha", { secret: "paired" }),
    ]);
    const { followers } = JSON.parse(result.stdout) as { followers: { outcome: string }[] };
    const { trust } = await to.stores.trust.lookup("alpha", undefined);
    const secret = to.stores.trust.openSecret("alpha", trust?.sealedSecret ?? "");
    // It paired first, and nobody agreed to replace that; or it was imported first, and paired anew.
    expect(["left", "imported"]).toContain(followers[0]?.outcome);
    expect([trust?.publicKey === brought.publicKey, secret]).toEqual([false, "paired"]);
  });
});
