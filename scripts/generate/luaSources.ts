import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * The scripts of `protocol/redis/lua` as one TypeScript module, so that a build or a bundle carries them without reading
 * files at run time. How many keys a script takes is read from its head comment; keys that are given once for each item
 * (`-- KEYS 1.. session`) are counted by the caller.
 */
export function renderLuaSources(folder: string): string {
  const files = readdirSync(folder)
    .filter((name) => name.endsWith(".lua"))
    .sort();
  const entries = files.map((file) => {
    const name = file.slice(0, -".lua".length);
    const lua = readFileSync(join(folder, file), "utf8");
    const keysLine = /^-- KEYS (.*)$/mu.exec(lua)?.[1];
    if (keysLine === undefined) throw new Error(`${file} names no KEYS in its head: write "-- KEYS 1 session 2 …".`);
    const numberOfKeys = Math.max(...Array.from(keysLine.matchAll(/(?:^|\s)(\d+)\s/gu), (match) => Number(match[1])));
    const counted = /\d\.\.\s/u.test(keysLine) ? "" : `    numberOfKeys: ${numberOfKeys},\n`;
    return `  ${name}: {\n${counted}    lua: ${JSON.stringify(lua)},\n  },`;
  });
  return [
    "// Generated from lua/*.lua by `npm run generate`. Change the scripts, not this file.",
    "/** The scripts by name, in the shape that ioredis' `scripts` option takes. */",
    "export const SCRIPTS = {",
    ...entries,
    "} satisfies Record<string, { numberOfKeys?: number; lua: string }>;",
    "",
    "export type ScriptName = keyof typeof SCRIPTS;",
    "",
  ].join("\n");
}
