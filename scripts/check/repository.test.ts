import { describe, expect, it } from "vitest";
import { compiledFileProblems } from "./compiledFiles.ts";
import { foreignNameProblems, lockProblems } from "./foreignNames.ts";
import { luaHeadProblems } from "./luaHeads.ts";

describe("luaHeadProblems", () => {
  const head = "-- claim: takes the session.\n-- KEYS 1 session\n-- ARGV 1 epoch\n-- Returns {'claimed'}\nreturn 1\n";

  it("accepts a head that names what goes in and out", () => {
    expect(luaHeadProblems([{ path: "lua/claim.lua", text: head }])).toEqual([]);
  });

  it.each([
    ["another script's name", head.replace("claim:", "release:")],
    ["no KEYS", head.replace("-- KEYS 1 session\n", "")],
    ["no ARGV", head.replace("-- ARGV 1 epoch\n", "")],
    ["Returns after the head", `${head.replace("-- Returns {'claimed'}\n", "")}-- Returns {'claimed'}\n`],
  ])("refuses %s", (_, text) => {
    expect(luaHeadProblems([{ path: "lua/claim.lua", text }])).toHaveLength(1);
  });
});

describe("foreignNameProblems", () => {
  const problems = (line: string) =>
    foreignNameProblems([{ path: "a.md", text: `first\n${line}\n` }], ["registry.inside"]);
  const path = (...parts: string[]) => ["", ...parts].join("/");

  it.each([
    `see ${path("home", "ann", "notes")}`,
    `"${path("Users", "ann")}"`,
    `cd ${path("root", "project")}`,
    `from ${["registry", "npmjs", "org"].join(".")}`,
    "at registry.inside",
  ])("refuses %j with its line", (line) => {
    expect(problems(line)).toEqual([expect.stringMatching(/^a\.md:2 names /)]);
  });

  it.each([
    "/tmp/redis.sock",
    "https://example.org/home/page",
    "./work/item",
    "WORKDIR /home/node/app",
    "prom.registry.get",
  ])("accepts %j", (line) => {
    expect(problems(line)).toEqual([]);
  });
});

describe("compiledFileProblems", () => {
  it.each(["a/b.js", "a/b.d.ts", "a/b.js.map", "a/b.d.ts.map", "a/b.mjs", "a/b.jsx"])(
    "refuses %s beside its source",
    (path) => {
      const sources = ["a/b.ts", "a/c.ts"];
      expect(compiledFileProblems([...sources, path])).toEqual([expect.stringMatching(/^a\/b\..* from a\/b\.ts /u)]);
      expect(compiledFileProblems(["a/b.tsx", path])).toHaveLength(1);
    },
  );

  it("accepts JavaScript and declarations that have no such source", () => {
    const paths = ["a/b.test.ts", "a/b.d.mts", "a/b.mjs", "examples/index.js", "openclaw.d.ts", "openclaw.ts/a.js"];
    expect(compiledFileProblems(paths)).toEqual([]);
  });
});

describe("lockProblems", () => {
  it("counts download addresses and leaves links to workspaces alone", () => {
    expect(lockProblems('"resolved": "node", "link": true')).toEqual([]);
    expect(lockProblems('"resolved": "https://host/a.tgz"\n"resolved": "https://host/b.tgz"')).toEqual([
      expect.stringContaining("2 download addresses"),
    ]);
  });
});
