import { describe, expect, it } from "vitest";
import { listSettings, loadConfig, renderEnvExample, renderSettingsTable } from "./index.ts";

describe("renderEnvExample", () => {
  const assignments = renderEnvExample()
    .split("\n")
    .map((line) => /^#?([A-Z_]+)=(.*)$/.exec(line))
    .filter((match) => match !== null);

  it("names every setting once, and each other name that it may be given by", () => {
    const named = assignments.map(([, variable]) => variable);
    expect(named.toSorted()).toEqual(
      [
        ...listSettings().map(({ env }) => env),
        ...["REDIS_URL_FILE", "YONEXUS_NOTIFY_BOT_TOKEN_FILE"],
        ...["YONEXUS_MASTER_KEY_FILE", "YONEXUS_MASTER_KEYS", "YONEXUS_MASTER_KEYS_FILE"],
      ].toSorted(),
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

  it("says of a secret which file may hold it", () => {
    expect(table).toContain("`REDIS_URL_FILE` (`redisUrlFile`), a file that holds it");
  });

  it("has five cells in every row", () => {
    for (const row of table.split("\n").filter((line) => line.startsWith("|")))
      expect(row.match(/\|/g)).toHaveLength(6);
  });
});
