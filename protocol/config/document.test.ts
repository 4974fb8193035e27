import { describe, expect, it } from "vitest";
import { listSettings, loadConfig, renderEnvExample, renderSettingsTable } from "./index.ts";

describe("renderEnvExample", () => {
  const assignments = renderEnvExample()
    .split("\n")
    .map((line) => /^#?([A-Z_]+)=(.*)$/.exec(line))
    .filter((match) => match !== null);

  it("names every setting once", () => {
    expect(assignments.map(([, variable]) => variable).sort()).toEqual(
      listSettings()
        .map(({ env }) => env)
        .sort(),
    );
  });

  it("changes nothing when it is copied, even with every line uncommented", () => {
    const env = Object.fromEntries(assignments.map(([, variable, value]) => [variable, value]));
    expect(loadConfig({ env, hostName: "machine" })).toEqual(loadConfig({ env: {}, hostName: "machine" }));
  });
});

describe("renderSettingsTable", () => {
  const table = renderSettingsTable();

  it.each(listSettings())("has one row for $env, with its key in a file", ({ env, fileKey }) => {
    expect(table.split("\n").filter((line) => line.startsWith(`| \`${env}\` | \`${fileKey}\` |`))).toHaveLength(1);
  });

  it("has five cells in every row", () => {
    for (const row of table.split("\n").filter((line) => line.startsWith("|")))
      expect(row.match(/\|/g)).toHaveLength(6);
  });
});
