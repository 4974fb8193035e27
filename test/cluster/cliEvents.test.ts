import { FollowerDirectory } from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Cli, type CliProcess } from "../support/cliProcess.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { claimEpoch, openStores, pairFollower, type Stores } from "../support/stores.ts";
import { waitFor } from "../support/waitFor.ts";

const lines = (text: string): unknown[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line): unknown => JSON.parse(line));

describe("yonexus events", () => {
  const cli = new Cli();
  let server: RedisServer;
  let stores: Stores;
  let version = "";
  let started: CliProcess[] = [];

  beforeAll(async () => {
    server = await startRedis();
  });
  beforeEach(async () => {
    stores = await openStores(server.url);
    version = await pairFollower(stores, "alpha");
    await stores.trust.allow(["beta"]);
  });
  afterEach(async () => {
    for (const process of started) process.signal("SIGKILL");
    await Promise.all(started.map(({ ended }) => ended));
    started = [];
    stores.close();
  });
  afterAll(async () => {
    cli.remove();
    await server.stop();
  });

  const start = (...args: string[]): CliProcess => {
    const process = cli.start(["events", ...args], {
      env: { REDIS_URL: server.url, YONEXUS_KEY_PREFIX: stores.keys.prefix },
    });
    started.push(process);
    return process;
  };
  /** A session of alpha that comes, and goes again. */
  const comeAndGo = async (): Promise<void> => {
    const epoch = await claimEpoch(stores, "alpha", version);
    await stores.sessions.end("alpha", epoch, "disconnected");
  };

  it("of one follower is its history, oldest first, and ends", async () => {
    await comeAndGo();
    const { stdout, stderr, exitCode } = await start("--follower", "alpha", "--json").ended;
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
    const history = await new FollowerDirectory(stores.redis, stores.keys).audit("alpha", 200);
    expect(lines(stdout)).toEqual(history.reverse().map((entry) => ({ type: "audit", identifier: "alpha", ...entry })));
    const text = (await start("--follower", "alpha").ended).stdout;
    expect(text).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}alpha {2}allowed$/mu);
    expect(text).toMatch(/ {2}alpha {2}offline {2}previous online {2}reason disconnected$/mu);
  });

  it("of one follower goes on with what happens, each thing once, and ends clean at Ctrl-C", async () => {
    const watch = start("--follower", "alpha", "--follow", "--json");
    await watch.says("Watching alpha");
    await comeAndGo();
    await stores.trust.clear("alpha", "repair", { disallow: false });
    await watch.says('"trust_cleared"');
    watch.signal("SIGINT");
    expect(await watch.ended).toMatchObject({ exitCode: 0, signal: null, stderr: "Watching alpha. Ctrl-C ends it.\n" });
    const events = lines(watch.stdout).map((line) => (line as { event: string }).event);
    expect(events).toEqual(["allowed", "pairing_opened", "paired", "online", "offline", "trust_cleared"]);
  });

  it("of all followers are their changes of status from now on, as they are published", async () => {
    await comeAndGo();
    const watch = start("--follow", "--json");
    await watch.says("Watching all followers");
    await comeAndGo();
    await watch.says('"disconnected"');
    watch.signal("SIGTERM");
    expect(await watch.ended).toMatchObject({ exitCode: 0, signal: null });
    const at = expect.any(Number) as number;
    expect(lines(watch.stdout)).toEqual([
      { type: "status", identifier: "alpha", status: "online", previous: "offline", reason: "authenticated", at },
      { type: "status", identifier: "alpha", status: "offline", previous: "online", reason: "disconnected", at },
    ]);
  });

  it("are lines that people read without --json", async () => {
    const watch = start("--follow");
    await watch.says("Watching all followers");
    await comeAndGo();
    await watch.says("alpha  online → offline  disconnected");
    expect(watch.stdout).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}alpha {2}offline → online {2}authenticated\n/u);
  });

  it("go on after Redis was away: of one follower with all that happened, of all with what happens then", async () => {
    const [one, all] = [start("--follower", "alpha", "--follow", "--json"), start("--follow", "--json")];
    await Promise.all([one.says("Watching"), all.says("Watching")]);
    await server.kill();
    for (const watch of [one, all])
      await watch.says(`Redis at ${server.url.replace(/^.*:\/\//u, "")} is away: waiting`);
    await server.restart();
    await waitFor("the stores to be back", () => stores.redis.status === "ready");
    for (const watch of [one, all]) await watch.says("Redis is back.");
    await comeAndGo();
    for (const watch of [one, all]) {
      await watch.says('"disconnected"');
      watch.signal("SIGINT");
      expect(await watch.ended).toMatchObject({ exitCode: 0, signal: null });
    }
    const known = lines(one.stdout).map((line) => (line as { event: string }).event);
    expect(known).toEqual(["allowed", "pairing_opened", "paired", "online", "offline"]);
    expect(lines(all.stdout)).toHaveLength(2);
  });

  it("say when a Redis that hangs does not answer, and end at Ctrl-C all the same", async () => {
    const watch = start("--follow");
    await watch.says("Watching");
    await server.pause();
    try {
      await watch.says("is away: waiting for it");
      watch.signal("SIGINT");
      expect(await watch.ended).toMatchObject({ exitCode: 0, signal: null });
    } finally {
      await server.resume();
    }
  });

  it.each([
    { args: [], exitCode: 2, sentence: /^Nothing is kept of all followers together: add --follow[^\n]+\.\n$/u },
    { args: ["--follower", "nobody"], exitCode: 1, sentence: /^nobody is unknown: [^\n]+\.\n$/u },
    { args: ["--follower", "no body"], exitCode: 2, sentence: /is not an identifier/u },
  ])("refuse $args with a sentence", async ({ args, exitCode, sentence }) => {
    const result = await start(...args).ended;
    expect(result).toMatchObject({ exitCode, stdout: "" });
    expect(result.stderr).toMatch(sentence);
  });
});
