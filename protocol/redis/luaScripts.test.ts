import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { SCRIPTS } from "./luaSources.ts";

const folder = join(dirname(fileURLToPath(import.meta.url)), "lua");
const scripts = readdirSync(folder)
  .filter((name) => name.endsWith(".lua"))
  .map((name) => ({ name: name.slice(0, -".lua".length), text: readFileSync(join(folder, name), "utf8") }));

/** Commands without a key, and those whose key is not the first argument. */
const KEYLESS = new Set(["TIME", "PUBLISH"]);
const SUBCOMMANDS = new Set(["XGROUP", "XINFO"]);
const KEY_AFTER_STREAMS = new Set(["XREADGROUP"]);

interface Call {
  readonly command: string;
  readonly rest: string;
}

function calls(text: string): Call[] {
  const code = text.replace(/--.*$/gmu, "");
  return Array.from(code.matchAll(/redis\.(p?call)\s*\(([^\n]*)/gu), ([, , rest = ""]) => {
    const command = /^\s*'([A-Z]+)'\s*,?\s*(.*)$/u.exec(rest);
    // A command that is not written out cannot be checked.
    if (command?.[1] === undefined) throw new Error(`A call without a literal command: ${rest}`);
    return { command: command[1], rest: command[2] ?? "" };
  });
}

describe("every script", () => {
  it("is among the generated sources, as it is", () => {
    expect(Object.keys(SCRIPTS)).toEqual(scripts.map(({ name }) => name).toSorted());
    for (const { name, text } of scripts) expect(SCRIPTS[name as keyof typeof SCRIPTS].lua).toBe(text);
  });

  it.each(scripts)("$name names its keys, arguments and outcomes in its head", ({ name, text }) => {
    const head = text.split("\n").filter((line) => line.startsWith("--"));
    expect(head[0]).toMatch(new RegExp(`^-- ${name}: \\S`, "u"));
    for (const word of ["KEYS", "ARGV", "Returns"]) {
      expect(head.some((line) => line.startsWith(`-- ${word} `))).toBe(true);
    }
  });

  const counted = (name: string): number | undefined => {
    const script: { readonly lua: string; readonly numberOfKeys?: number } = SCRIPTS[name as keyof typeof SCRIPTS];
    return script.numberOfKeys;
  };

  it.each(scripts.filter(({ name }) => counted(name) === undefined))(
    "$name, which takes keys for each item, touches no key but those in KEYS",
    ({ text }) => {
      for (const { command, rest } of calls(text)) {
        if (!KEYLESS.has(command)) expect(rest, command).toMatch(/^KEYS\[[^\]]+\]/u);
      }
    },
  );

  it.each(scripts.filter(({ name }) => counted(name) !== undefined))(
    "$name touches no key but those in KEYS, and each of those",
    ({ name, text }) => {
      const used = new Set<number>();
      for (const { command, rest } of calls(text)) {
        if (KEYLESS.has(command)) continue;
        const first = SUBCOMMANDS.has(command)
          ? rest.replace(/^'[A-Z]+'\s*,\s*/u, "")
          : KEY_AFTER_STREAMS.has(command)
            ? rest.replace(/^.*'STREAMS'\s*,\s*/u, "")
            : rest;
        const keys = /^((?:KEYS\[\d+\](?:,\s*)?)+)/u.exec(first)?.[1];
        expect(keys, `${command} ${rest}`).toBeDefined();
        for (const [, index] of (keys ?? "").matchAll(/KEYS\[(\d+)\]/gu)) used.add(Number(index));
      }
      const declared = counted(name) ?? 0;
      expect([...used].toSorted((one, other) => one - other)).toEqual(
        Array.from({ length: declared }, (_, index) => index + 1),
      );
    },
  );

  it.each(scripts)("$name answers only with the outcomes that its head names", ({ text }) => {
    const head = text
      .split("\n")
      .filter((line) => line.startsWith("--"))
      .join(" ");
    const returns = head.slice(head.indexOf("-- Returns "));
    const code = text.replace(/--.*$/gmu, "");
    for (const [, outcome] of code.matchAll(/return \{ '([a-z_]+)'/gu)) expect(returns).toContain(`'${outcome}'`);
  });

  it.each(scripts)("$name asks no clock but that of Redis, and writes no number in scientific notation", ({ text }) => {
    expect(text).not.toMatch(/os\.(?:time|clock)/u);
    // Lua 5.1 joins a number of 15 digits or more to a text with an exponent.
    expect(text).not.toMatch(/'\(' \.\. (?:now|time)/u);
  });
});
