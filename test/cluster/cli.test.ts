import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import {
  FollowerDirectory,
  Keys,
  openRedis,
  type RedisConnection,
  RuleStore,
  TrustStore,
  whenReady,
} from "@yonexus/protocol/redis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Cli, type CliResult } from "../support/cliProcess.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { waitFor } from "../support/waitFor.ts";

describe("yonexus with a cluster's Redis", () => {
  const cli = new Cli();
  const keys = new Keys("yonexus");
  let server: RedisServer;
  let redis: RedisConnection;

  beforeAll(async () => {
    server = await startRedis();
    redis = openRedis(server.url, "commands");
    redis.on("error", () => {});
    await whenReady(redis);
  });
  afterAll(async () => {
    redis.disconnect();
    cli.remove();
    await server.stop();
  });

  const start = (...args: string[]) => cli.start(args, { env: { REDIS_URL: server.url } });
  const run = (...args: string[]): Promise<CliResult> => start(...args).ended;
  const json = async (...args: string[]): Promise<unknown> => JSON.parse((await run(...args, "--json")).stdout);

  it("a follower that is allowed is on the list, and off it again", async () => {
    const added = await run("allow", "add", "alpha", "beta");
    expect(added).toMatchObject({ exitCode: 0, stderr: "" });
    expect(added.stdout).toContain("alpha may pair now.");
    expect(await json("allow", "list")).toEqual(["alpha", "beta"]);
    expect(await json("allow", "add", "alpha", "gamma")).toEqual([
      { identifier: "alpha", changed: false },
      { identifier: "gamma", changed: true },
    ]);
    expect((await run("allow", "remove", "gamma")).stdout).toContain("It had no live session.");
    expect(await json("allow", "list")).toEqual(["alpha", "beta"]);
  });

  it.each([
    { command: ["allow", "remove"], identifier: "delta" },
    { command: ["revoke"], identifier: "epsilon" },
  ])(
    "what configurations name stays out after $command, and the person is told where it stands",
    async ({ command, identifier }) => {
      const trust = new TrustStore(redis, keys);
      await trust.applyConfigured([identifier], "coordinator");
      await trust.applyConfigured([identifier], "gateway:3f2a");
      expect((await run(...command, identifier)).stdout).toContain(
        `${identifier} is named still by YONEXUS_FOLLOWER_IDENTIFIERS and by followerIdentifiers of the OpenClaw gateway whose gateway.id is 3f2a: it stays out`,
      );
      expect(await json("allow", "list")).not.toContain(identifier);
      expect([await json(...command, identifier)].flat()).toMatchObject([
        { identifier, configured: true, configuredBy: ["coordinator", "gateway:3f2a"] },
      ]);
      await trust.applyConfigured([], "coordinator");
      await trust.applyConfigured([], "gateway:3f2a");
      await run("allow", "add", identifier);
      const alone = await run(...command, identifier);
      expect(alone).toMatchObject({ exitCode: 0 });
      expect(alone.stdout).not.toContain("is named still");
      expect([await json(...command, identifier)].flat()).toMatchObject([{ configured: false, configuredBy: [] }]);
    },
  );

  it("configurations are listed with their age, and one that is forgotten takes off whom it alone had let in", async () => {
    const trust = new TrustStore(redis, keys);
    await trust.applyConfigured(["zeta", "eta"], "gateway:3f2a");
    await trust.applyConfigured(["eta"], "coordinator");
    await redis.zincrby(keys.followerSources, -3 * 86_400_000, "gateway:3f2a");
    expect((await run("allow", "sources")).stdout).toMatch(
      /^source +last in use +followers\ngateway:3f2a +3 d ago +2\ncoordinator +(?:just now|\d+ s ago) +1\n$/u,
    );
    const forgotten = await run("allow", "forget-source", "gateway:3f2a");
    expect(forgotten).toMatchObject({ exitCode: 0, stderr: "" });
    expect(forgotten.stdout).toContain(
      "gateway:3f2a is forgotten, and what it alone had let in is allowed no longer: zeta.",
    );
    expect(await json("allow", "sources")).toEqual([
      { source: "coordinator", renewedAt: expect.any(Number), followers: 1 },
    ]);
    const again = await run("allow", "forget-source", "gateway:3f2a");
    expect(again).toMatchObject({ exitCode: 1, stdout: "" });
    expect(again.stderr).toMatch(/^There is no configuration gateway:3f2a: [^\n]+\.\n$/u);
    expect(await json("allow", "forget-source", "coordinator")).toEqual({ source: "coordinator", removed: ["eta"] });
    for (const identifier of ["zeta", "eta"]) expect((await trust.lookup(identifier, undefined)).allowed).toBe(false);
  });

  it("clients prints a table for people and every field for programs", async () => {
    await run("allow", "add", "alpha");
    const table = await run("clients");
    expect(table.stdout).toMatch(
      /^identifier +status +node +last seen +queued +paired +fingerprint\nalpha +offline +- +never +- +no +-/u,
    );
    expect(await json("clients")).toContainEqual(await new FollowerDirectory(redis, keys).find("alpha"));
  });

  it("client show tells of one follower and of what happened to it", async () => {
    await run("allow", "add", "alpha");
    expect((await run("client", "show", "alpha")).stdout).toMatch(
      /alpha\n {2}status +offline\n[\s\S]*what happened last\n[\s\S]*allowed/u,
    );
    expect(await json("client", "show", "alpha")).toMatchObject({ identifier: "alpha", pairings: [], audit: [{}] });
  });

  it.each([["client", "show"], ["repair"], ["revoke"]])(
    "%s of an unknown follower fails with a sentence",
    async (...command) => {
      const result = await run(...command, "nobody");
      expect(result).toMatchObject({ exitCode: 1, stdout: "" });
      expect(result.stderr).toMatch(/^nobody is unknown[^\n]+\.\n$/u);
    },
  );

  it("repair leaves a follower allowed, revoke does not", async () => {
    const find = () => new FollowerDirectory(redis, keys).find("alpha");
    await run("allow", "add", "alpha");
    expect(await run("repair", "alpha")).toMatchObject({ exitCode: 0, stderr: "" });
    expect(await find()).toMatchObject({ allowed: true, paired: false, trustClearedReason: "repair" });
    expect(await run("revoke", "alpha")).toMatchObject({ exitCode: 0, stderr: "" });
    expect(await find()).toMatchObject({ allowed: false, paired: false, trustClearedReason: "revoke" });
    // One that may not pair is not promised a code.
    const repaired = await run("repair", "alpha");
    expect(repaired).toMatchObject({ exitCode: 0, stderr: "" });
    expect(repaired.stdout).not.toContain("asks for a new code");
    expect(repaired.stdout).toContain("may not pair: let it in with `yonexus allow add alpha`.");
    expect(await json("repair", "alpha")).toMatchObject({ known: true, allowed: false, disallowed: false });
  });

  it("a message to an unknown follower is offline at once, never a hang", async () => {
    const result = await run("send", "nobody", "chat::hello", "--timeout", "60000", "--json");
    expect(result.exitCode).toBe(1);
    expect(JSON.parse(result.stdout)).toMatchObject({ result: "offline", reason: "unknown_identifier" });
    // Long before its time is over. The process takes most of this on a busy machine; alone it answers within a second.
    expect(result.tookMs).toBeLessThan(30_000);
    expect((await run("send", "nobody", "chat::hello")).stdout).toContain("yonexus allow add nobody");
  });

  it("a message to a follower that is away says how to queue it, and one that is queued how to look at it", async () => {
    await run("allow", "add", "away");
    const live = await run("send", "away", "chat::hello");
    expect(live).toMatchObject({ exitCode: 1, stderr: "" });
    expect(live.stdout).toMatch(/^away is offline: it has never connected\. Add --queue /u);

    const queued = await run("send", "away", "chat::hello", "--queue", "--ttl", "10m", "--id", "hello-1");
    expect(queued).toMatchObject({ exitCode: 0, stderr: "" });
    expect(queued.stdout).toMatch(/^Queued for away as number 1: .*`yonexus message --follower away hello-1`\.\n$/u);
    const shown = await run("message", "hello-1");
    expect(shown).toMatchObject({ exitCode: 0, stderr: "" });
    expect(shown.stdout).toMatch(/^hello-1\n {2}to +away\n {2}state +queued: [\s\S]*\n {2}expires +in 9 min\n/u);
    expect(shown.stdout).not.toContain("hello\n");
    expect(await json("message", "hello-1", "--follower", "away")).toMatchObject({ state: "queued", seq: 1, tries: 0 });

    const again = await run("send", "away", "chat::hello", "--queue", "--id", "hello-1");
    expect(again).toMatchObject({ exitCode: 0 });
    expect(again.stdout).toMatch(/^The same message was sent before under the id hello-1/u);
    const other = await run("send", "away", "chat::bye", "--queue", "--id", "hello-1");
    expect(other).toMatchObject({ exitCode: 1, stderr: "" });
    expect(other.stdout).toContain("--id");
    // Long enough to connect and to queue it, and nobody comes to ack it.
    const waited = await run("send", "away", "chat::1", "--queue", "--wait", "acked", "--timeout", "3000", "--json");
    expect(waited.exitCode).toBe(0);
    expect(JSON.parse(waited.stdout)).toMatchObject({ result: "queued", reached: "queued", seq: 2 });
    // Of so many commands each takes its seconds on a busy machine.
  }, 180_000);

  it("a queue that is full names the limit of the configuration", async () => {
    await run("allow", "add", "full");
    const env = { REDIS_URL: server.url, YONEXUS_QUEUE_MESSAGES: "1" };
    const send = () => cli.run(["send", "full", "chat::hello", "--queue"], { env });
    expect(await send()).toMatchObject({ exitCode: 0 });
    const refused = await send();
    expect(refused).toMatchObject({ exitCode: 1, stderr: "" });
    expect(refused.stdout).toMatch(
      /^The queue of full has no room for it: its limit is 1 messages\. Nothing was kept/u,
    );
  });

  it("a live message can be looked at later, and of one that nobody knows is said how long records are kept", async () => {
    await run("allow", "add", "known");
    const { messageId } = JSON.parse((await run("send", "known", "chat::x", "--json")).stdout) as { messageId: string };
    expect(await json("message", messageId)).toMatchObject({ identifier: "known", delivery: "live", state: "offline" });
    const unknown = await run("message", "no-such-message");
    expect(unknown).toMatchObject({ exitCode: 1, stdout: "" });
    expect(unknown.stderr).toMatch(
      /^Nothing is known of a message no-such-message: .* 24 h .* 1,000 .* --follower\.\n$/u,
    );
  });

  it("listen prints what followers send, and never lets them act on the terminal", async () => {
    const rules = new RuleStore(redis, keys);
    const people = start("listen", "talk");
    await people.says("Listening to talk");
    expect(await rules.append("talk", "alpha", "red \u001b[31m\nbell\u0007", { maxBacklog: 10 })).toBe("appended");
    await people.says("alpha  red \\x1b[31m\\nbell\\x07\n");
    people.signal("SIGINT");
    expect(await people.ended).toMatchObject({ exitCode: 0 });
    expect(await rules.append("talk", "alpha", "late", { maxBacklog: 10 })).toBe("unknown_rule");

    const program = start("listen", "talk", "--json");
    await program.says("Listening");
    await rules.append("talk", "alpha", "a::b\u001b", { maxBacklog: 10 });
    await program.says("a::b");
    expect(JSON.parse(program.stdout)).toMatchObject({ rule: "talk", identifier: "alpha", content: "a::b\u001b" });
    program.signal("SIGTERM");
    expect(await program.ended).toMatchObject({ exitCode: 0 });
  });

  it("listen to a rule of another group fails and names the group", async () => {
    const first = start("listen", "held", "--group", "importer");
    await first.says("Listening");
    const second = await run("listen", "held");
    expect(second).toMatchObject({ exitCode: 1, stdout: "" });
    expect(second.stderr).toContain("importer");
    first.signal("SIGTERM");
    expect(await first.ended).toMatchObject({ exitCode: 0 });
  });

  it("listen goes on when Redis restarts", async () => {
    const listener = start("listen", "lasting");
    await listener.says("Listening");
    await server.restart();
    await waitFor("the rule to be held and heard again", async () => {
      await new RuleStore(redis, keys).append("lasting", "alpha", "after the restart", { maxBacklog: 1_000 });
      return listener.stdout.includes("after the restart");
    });
    listener.signal("SIGTERM");
    expect(await listener.ended).toMatchObject({ exitCode: 0 });
  });

  it("doctor finds that nobody serves, names the mends, and exits 1", async () => {
    const result = await run("doctor", "--json");
    expect(result.exitCode).toBe(1);
    const { healthy, findings } = JSON.parse(result.stdout) as { healthy: boolean; findings: { status: string }[] };
    expect(healthy).toBe(false);
    const bad = findings.filter(({ status }) => status === "broken");
    expect(bad).toMatchObject([
      { check: "nodes", mend: expect.stringContaining("yonexus node") },
      { check: "coordinators", mend: expect.stringContaining("yonexus coordinator") },
    ]);
  });

  it("doctor tells a wrong bot token, and never prints it", async () => {
    const asked: string[] = [];
    const discord = createServer((socket) => {
      socket.on("data", (bytes) => {
        asked.push(bytes.toString());
        socket.end("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
      });
    }).listen(0, "127.0.0.1");
    await once(discord, "listening");
    const { port } = discord.address() as AddressInfo;
    const env = {
      REDIS_URL: server.url,
      YONEXUS_NOTIFY_BOT_TOKEN: "hidden-token",
      YONEXUS_ADMIN_USER_ID: "123456",
      YONEXUS_DISCORD_API_URL: `http://127.0.0.1:${port}`,
    };
    const result = await cli.run(["doctor"], { env });
    discord.close();
    expect(asked[0]).toMatch(/^GET \/users\/@me HTTP[\s\S]*authorization: Bot hidden-token/iu);
    expect(result.exitCode).toBe(1);
    expect(result.stdout).toMatch(/broken +discord +the bot's token is refused/u);
    expect(result.stdout + result.stderr).not.toContain("hidden-token");
  });

  it("up on a taken port names it and the option, and leaves nothing behind", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    const result = await cli.run(["up", "--port", String(port)]);
    taken.close();
    expect(result).toMatchObject({ exitCode: 1, stdout: "" });
    expect(result.stderr).toMatch(new RegExp(`^Port ${port} is taken: [^\\n]*--port\\.\\n$`, "u"));
    expect((await cli.run(["clients"])).stderr).toContain("No cluster was found");
  });
});
