import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");
const sources = globSync("{node,coordinator,protocol,scripts}/**/*.ts", {
  cwd: root,
  exclude: (path) => /(?:^|\/)(?:node_modules|dist|page)(?:\/|$)|\.test\.ts$/u.test(path),
}).map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));

/** The beginnings of all calls that write a line. */
const calls = sources.flatMap(({ path, text }) =>
  Array.from(text.matchAll(/\b#?logger\.(?:trace|debug|info|warn|error|fatal)\(\s*(.{0,60})/gsu), ([, start = ""]) => ({
    path,
    start,
  })),
);

const page = readFileSync(join(root, "docs/operations.md"), "utf8");
const listed = Array.from(
  page.matchAll(/^\| `(\w+)` \| (?:trace|debug|info|warn|error|fatal) \|/gmu),
  ([, name = ""]) => name,
);

describe("a line of the log", () => {
  it("begins with the name of its event", () => {
    expect(calls.length).toBeGreaterThan(40);
    expect(calls.filter(({ start }) => !/^\{\s*event(?:: |,)/u.test(start))).toEqual([]);
  });

  it("has a name that docs/operations.md lists", () => {
    const named = calls.flatMap(({ start }) => /^\{\s*event: "(\w+)"/u.exec(start)?.[1] ?? []);
    expect(named.filter((name) => !listed.includes(name))).toEqual([]);
  });
});

describe("docs/operations.md", () => {
  it("lists each event once, and none that is not there", () => {
    expect(listed).toEqual([...new Set(listed)]);
    expect(listed.filter((name) => !sources.some(({ text }) => text.includes(`"${name}"`)))).toEqual([]);
  });
});
