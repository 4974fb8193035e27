import fc from "fast-check";
import { Check } from "typebox/value";
import { describe, expect, it } from "vitest";
import { readConfig } from "./config.ts";
import { CONFIG_KEYS, PLUGIN_CONFIG } from "./configSchema.ts";
import { PluginError } from "./errors.ts";

function problemsOf(raw: unknown): string[] {
  try {
    readConfig(raw);
    return [];
  } catch (error) {
    if (error instanceof PluginError && error.code === "CONFIG_INVALID") return error.message.split("\n");
    throw error;
  }
}

const PLACE = "plugins.entries.yonexus-server.config";
const KEY = Buffer.alloc(32, 7).toString("base64");

describe("the plugin's settings", () => {
  it.each([[undefined], [null], [{}]])("that are not there (%j) are the defaults: standalone, on loopback", (raw) => {
    const config = readConfig(raw);
    expect(config).toMatchObject({ mode: "standalone", followerIdentifiers: undefined, agentRules: [] });
    expect(config.shared).toMatchObject({ keyPrefix: "yonexus", listenHost: "127.0.0.1", listenPort: 8787 });
  });

  it("with a redisUrl mean cluster mode, unless they say otherwise", () => {
    expect(readConfig({ redisUrl: "redis://h" }).mode).toBe("cluster");
    expect(readConfig({ redisUrl: "redis://h", mode: "standalone" }).mode).toBe("standalone");
  });

  it("tell an empty list of followers from none", () => {
    expect(readConfig({ redisUrl: "redis://h" }).followerIdentifiers).toBeUndefined();
    expect(readConfig({ redisUrl: "redis://h", followerIdentifiers: [] }).followerIdentifiers).toEqual([]);
    expect(readConfig({ redisUrl: "redis://h", followerIdentifiers: ["alpha", "beta"] }).followerIdentifiers).toEqual([
      "alpha",
      "beta",
    ]);
  });

  it("give rules to agents, by the agent's id or with a session", () => {
    const rules = { ask: "main", "a b": { agent: "ops", session: "night" } };
    expect(readConfig({ rules }).agentRules).toEqual([
      { rule: "ask", agentId: "main", sessionKey: "agent:main:main" },
      { rule: "a b", agentId: "ops", sessionKey: "agent:ops:night" },
    ]);
  });

  it.each<[string, unknown, string]>([
    ["mode", "clustr", `mode in ${PLACE} is "clustr": it must be one of cluster, standalone.`],
    ["mode", "cluster", `redisUrl in ${PLACE} is not set: cluster mode needs it.`],
    ["redisUrl", "http://host", `redisUrl in ${PLACE} is not a Redis URL: it must begin with redis://`],
    ["redisUrl", "", `redisUrl in ${PLACE} is empty: set it to the Redis of the cluster, or remove it`],
    ["redisUrl", 7, `redisUrl in ${PLACE} has the wrong JSON type`],
    ["keyPrefix", "a b", `keyPrefix in ${PLACE} is "a b": it must be 1 to 32 of`],
    ["masterKey", "short", `masterKey in ${PLACE} is not 32 bytes in base64: make one with`],
    ["followerIdentifiers", ["-x"], `followerIdentifiers in ${PLACE} is "-x": it must be a list of identifiers`],
    ["followerIdentifiers", { a: 1 }, `followerIdentifiers in ${PLACE} has the wrong JSON type`],
    ["rules", ["ask"], `rules in ${PLACE} is not an object: it must look like`],
    ["rules", { builtin: "main" }, `rules in ${PLACE} names "builtin", which is no rule`],
    ["rules", { ask: { agnt: "main" } }, `for the rule ask: it must be an agent's id, or`],
    ["rules", { ask: { agent: "main", session: "agent:ops:main" } }, "a session of another agent than main"],
    ["notifyBotToken", "a b", `notifyBotToken in ${PLACE} is not a bot token`],
    ["notifyBotToken", "token", `adminUserId in ${PLACE} is not set: the discord notifier needs it.`],
    ["adminUserId", "me", `adminUserId in ${PLACE} is "me": it must be a Discord user id`],
    ["discordApiUrl", "ftp://x", `discordApiUrl in ${PLACE} is "ftp://x": it must be a URL`],
    ["listenHost", "a b", `listenHost in ${PLACE} is "a b": it must be an IP address or a host name`],
    ["listenPort", "87o7", `listenPort in ${PLACE} is "87o7": it must be a whole number from 1 to 65535.`],
    ["publicWsUrl", "https://x", `publicWsUrl in ${PLACE} is "https://x": it must be a URL that begins with ws://`],
    ["redisURL", "redis://h", `redisURL in ${PLACE} is not a setting: did you mean redisUrl?`],
    ["nonsense", 1, `nonsense in ${PLACE} is not a setting: remove it.`],
  ])("with a wrong %s (%j) name the key, what it must be, and what to do", (key, value, problem) => {
    expect(problemsOf({ [key]: value }).join("\n")).toContain(problem);
  });

  it("are told all at once", () => {
    expect(problemsOf({ mode: "x", listenPort: "y", keyPrefix: "", nonsense: 1 })).toHaveLength(3);
  });

  it("that are no object at all are refused with what they must look like", () => {
    expect(problemsOf([1])).toEqual([expect.stringContaining("is not an object: it must look like")]);
  });

  it.each([
    [{ source: "env", provider: "default", id: "REDIS" }, "the variable REDIS is not set"],
    [{ source: "exec", provider: "vault", id: "x/y" }, "the provider vault (exec) does not give x/y"],
    [`redis://:${"$"}{REDIS_PASSWORD}@h`, "names the variable REDIS_PASSWORD, which is not set"],
  ])("with a secret that OpenClaw could not resolve (%j) say which, and how to set it", (redisUrl, problem) => {
    expect(problemsOf({ redisUrl, mode: "cluster" })).toEqual([expect.stringContaining(problem)]);
  });

  it("refuse a SecretRef where no secret is meant", () => {
    expect(problemsOf({ listenHost: { source: "env", provider: "default", id: "H" } })).toEqual([
      expect.stringContaining("only redisUrl, masterKey, notifyBotToken can be one"),
    ]);
  });

  it.each([KEY, "redis://:sekret@h:1", "wss://u:sekret@h", "MTIzNDU2.Gabcde.tests-only-not-a-token"])(
    "never repeat what looks like a secret, wherever it was pasted: %s",
    (secret) => {
      for (const key of [...CONFIG_KEYS, secret]) {
        for (const value of [secret, [secret], { [secret]: secret }, { ask: secret }]) {
          const text = problemsOf({ [key]: value }).join("\n");
          expect(text).not.toContain("sekret");
          expect(text).not.toContain(KEY);
          expect(text).not.toContain("tests-only");
        }
      }
    },
  );

  it("are told ten at a time, in little, however many and long they are", () => {
    const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`key${index}`, 1]));
    expect(problemsOf(many)).toHaveLength(11);
    expect(problemsOf({ ["k".repeat(1_000_000)]: 1 }).join("").length).toBeLessThan(1_000);
    const rules = Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`rule${index}`, "main"]));
    expect(problemsOf({ rules })).toEqual([expect.stringContaining("has 65 rules: a gateway handles 64 at most.")]);
  });

  it("are read or refused, whatever stands there, and never anything else", () => {
    const keys = fc.constantFrom(...CONFIG_KEYS, "other");
    fc.assert(
      fc.property(fc.dictionary(keys, fc.jsonValue()), (raw) => {
        problemsOf(raw);
      }),
    );
  });

  it("never break the schema that OpenClaw checks: it would stop the whole gateway", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...CONFIG_KEYS, "other"), fc.jsonValue()), (raw) => {
        expect(Check(PLUGIN_CONFIG, raw)).toBe(true);
      }),
    );
  });
});
