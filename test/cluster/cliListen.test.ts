import {
  FollowerDirectory,
  Keys,
  MessageQueue,
  openRedis,
  type RedisConnection,
  RuleStore,
  TrustStore,
  whenReady,
} from "@yonexus/protocol/redis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Cli } from "../support/cliProcess.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { waitFor } from "../support/waitFor.ts";

const cli = new Cli();
const keys = new Keys("yonexus");
let server: RedisServer;
let redis: RedisConnection;
let trust: TrustStore;
let rules: RuleStore;
beforeAll(async () => {
  server = await startRedis({ persistent: false });
  redis = openRedis(server.url, "commands");
  redis.on("error", () => {});
  await whenReady(redis);
  trust = new TrustStore(redis, keys);
  rules = new RuleStore(redis, keys);
});
afterAll(async () => {
  redis.disconnect();
  cli.remove();
  await server.stop();
});

const start = (args: readonly string[], settings: NodeJS.ProcessEnv = {}) =>
  cli.start(args, { env: { REDIS_URL: server.url, ...settings } });
const append = (rule: string, content: string) => rules.append(rule, "alpha", content, { maxBacklog: 10 });
const count = (text: string, part: string) => text.split(part).length - 1;

describe("what listen cannot do", () => {
  it("an answer that no frame can hold is refused before the rule is taken", async () => {
    const result = await start(["listen", "long", "--reply", "x".repeat(70_000)]).ended;
    expect(result).toMatchObject({ exitCode: 2, stdout: "" });
    expect(result.stderr).toMatch(/^--reply is too long: .* 65536 bytes\. Shorten it, [^\n]*\.\n$/u);
    expect(await append("long", "x")).toBe("unknown_rule");
  });

  it("an answer that fits into a larger frame of the configuration is taken", async () => {
    const settings = { YONEXUS_MAX_FRAME_BYTES: "100000" };
    const listener = start(["listen", "long", "--reply", "x".repeat(70_000)], settings);
    await listener.says("Listening to long");
    listener.signal("SIGINT");
    expect(await listener.ended).toMatchObject({ exitCode: 0 });
  });

  it("a receiver that is not on the allowlist is refused before the rule is taken, with the next step", async () => {
    const result = await start(["listen", "passed", "--relay-to", "ghost"]).ended;
    expect(result).toMatchObject({ exitCode: 1, stdout: "" });
    expect(result.stderr).toMatch(/^[^\n]* ghost, [^\n]*`yonexus allow add ghost`\.\n$/u);
    expect(await append("passed", "x")).toBe("unknown_rule");
  });

  it("a message that cannot be passed on is told at every try, and is printed once", async () => {
    await trust.allow(["beta"]);
    const listener = start(["listen", "passed", "--relay-to", "beta"]);
    await listener.says("Listening to passed");
    await trust.clear("beta", "revoke", { disallow: true });
    await append("passed", "the content");
    await listener.says("failed at try 2 of 5");
    expect(listener.stdout).toBe("alpha  the content\n");
    for (const attempt of [1, 2]) {
      expect(listener.stderr).toMatch(
        new RegExp(
          `^The message \\d+-0 of alpha failed at try ${attempt} of 5 \\([^\\n]*offline[^\\n]*: it is tried`,
          "mu",
        ),
      );
    }
    expect(listener.stderr).not.toContain("the content");

    await trust.allow(["beta"]);
    await waitFor(
      "it to be passed on",
      async () => (await new FollowerDirectory(redis, keys).find("beta"))?.queued === 1,
    );
    const { messages } = await new MessageQueue(redis, keys).read("beta", 0, 10, 100_000);
    expect(messages.map(({ frame }) => frame)).toEqual(["passed::alpha::the content"]);
    await append("passed", "the next");
    await listener.says("alpha  the next\n");
    expect(count(listener.stdout, "the content")).toBe(1);
    listener.signal("SIGINT");
    expect(await listener.ended).toMatchObject({ exitCode: 0 });
  });
});

it("a send that is interrupted while it waits names the message, which is found by that name", async () => {
  await trust.allow(["gamma"]);
  const sender = start(["send", "gamma", "chat::hello", "--queue", "--wait", "acked", "--timeout", "60000"]);
  const queued = async () => (await new FollowerDirectory(redis, keys).find("gamma"))?.queued === 1;
  await waitFor("the message to be queued", queued);
  sender.signal("SIGINT");
  const result = await sender.ended;
  expect(result).toMatchObject({ exitCode: 1, signal: null, stdout: "" });
  const [, messageId = ""] = /`yonexus message --follower gamma (\S+)`[^\n]*\.\n$/u.exec(result.stderr) ?? [];
  const shown = await start(["message", messageId]).ended;
  expect(shown).toMatchObject({ exitCode: 0, stderr: "" });
  expect(shown.stdout).toMatch(/ {2}to +gamma\n {2}state +queued/u);
});
