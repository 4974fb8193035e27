import { globSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";

const HERE = import.meta.dirname;
const template = readFileSync(join(HERE, "users.acl.template"), "utf8");
const ROOT = join(HERE, "..");
const rules = /^user yonexus on (.*)$/mu.exec(template)?.[1]?.split(" ") ?? [];
/** A command that has subcommands is allowed by one of them at least. */
const allowed = new Set(
  rules.filter((rule) => rule.startsWith("+")).map((rule) => rule.slice(1).split("|")[0]?.toUpperCase() ?? ""),
);

/** A command as TypeScript calls it, on whatever is named like a connection: `redis.zcard(`, `this.#redis.xadd(`, `pipeline.hget(`. */
const CALL = /\b(?:redis|pipeline|commands|subscriber|blocking|\w*[cC]onnection)\s*\.(\w+)\(\s*(?:"([A-Z]+)")?/gu;

/** The commands that the processes call without a script, with what may be their subcommand. */
function directCalls(): { readonly command: string; readonly word: string; readonly file: string }[] {
  const require = createRequire(import.meta.url);
  const { list } = createRequire(require.resolve("ioredis"))("@ioredis/commands") as { list: readonly string[] };
  const commands = new Set(list);
  const files = globSync("{protocol,node,coordinator,plugin,scripts}/**/*.ts", { cwd: ROOT }).filter(
    (file) => !/(?:^|\/)(?:dist|node_modules)\/|\.test\.ts$/u.test(file),
  );
  return files.flatMap((file) =>
    [...readFileSync(join(ROOT, file), "utf8").matchAll(CALL)]
      .map(([, command = "", word = ""]) => ({ command, word: word.toLowerCase(), file }))
      .filter(({ command }) => commands.has(command)),
  );
}

/** The commands that the scripts of a folder call. */
function scriptCommands(folder: string, call: RegExp): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".lua"));
  expect(names).not.toEqual([]);
  const found = names.flatMap((name) => [...readFileSync(join(folder, name), "utf8").matchAll(call)]);
  return [...new Set(found.map(([, command]) => command?.toUpperCase() ?? ""))];
}

describe("the Redis user of the cluster", () => {
  it("may do what the cluster's scripts do", () => {
    const used = scriptCommands(join(HERE, "../protocol/redis/lua"), /redis\.p?call\('(\w+)'/gu);
    expect(used).toContain("XREADGROUP");
    expect(used.filter((command) => !allowed.has(command))).toEqual([]);
  });

  it("may do what the processes do without a script, with the very subcommands", () => {
    const allowedRules = new Set(rules);
    const calls = directCalls();
    expect(calls.map(({ command }) => command)).toEqual(expect.arrayContaining(["zcard", "pubsub", "hgetall"]));
    const denied = calls.filter(
      ({ command, word }) => !allowedRules.has(`+${command}`) && !allowedRules.has(`+${command}|${word}`),
    );
    expect(denied).toEqual([]);
  });

  it("may do what the scripts of BullMQ do", () => {
    const bullmq = dirname(createRequire(import.meta.url).resolve("bullmq"));
    const used = scriptCommands(join(bullmq, "commands"), /(?:rcall|redis\.call)\("(\w+)"/gu);
    expect(used).toContain("ZADD");
    expect(used.filter((command) => !allowed.has(command))).toEqual([]);
  });

  it("has keys and channels of the prefix alone, nothing by category, and nothing that is the server's own", () => {
    expect(rules.filter((rule) => /^[~&%]/u.test(rule))).toEqual(["~@PREFIX@:*", "~{@PREFIX@:jobs}:*", "&@PREFIX@:*"]);
    expect(rules.filter((rule) => rule.startsWith("+@") || rule === "allcommands")).toEqual([]);
    for (const command of [
      "FLUSHALL",
      "FLUSHDB",
      "KEYS",
      "CONFIG",
      "ACL",
      "SHUTDOWN",
      "DEBUG",
      "REPLICAOF",
      "MIGRATE",
    ]) {
      expect(allowed).not.toContain(command);
    }
  });

  it("is the only one, beside one who may ask whether Redis answers", () => {
    const users = template.split("\n").filter((line) => line.startsWith("user "));
    expect(users.map((line) => line.split(" ").slice(1, 3))).toEqual([
      ["default", "off"],
      ["health", "on"],
      ["yonexus", "on"],
    ]);
    expect(users[1]).toBe("user health on nopass resetkeys resetchannels -@all +ping");
  });
});
