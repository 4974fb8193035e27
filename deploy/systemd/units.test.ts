import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isSettingVariable, secretVariables } from "../settingVariables.ts";

const units = readdirSync(import.meta.dirname).filter((name) => name.endsWith(".service"));
const linesOf = (name: string): string[] => readFileSync(join(import.meta.dirname, name), "utf8").split("\n");
/** What an `Environment=` line sets, those that are commented out too. */
const variablesOf = (name: string): string[] =>
  linesOf(name).flatMap((line) => /^#?Environment=([A-Z_]+)=/u.exec(line)?.[1] ?? []);

describe.each(units)("%s", (name) => {
  it("sets variables that there are, and no secret by value", () => {
    const variables = variablesOf(name).filter((variable) => variable !== "NODE_ENV");
    expect(variables).toContain("YONEXUS_MASTER_KEY_FILE");
    expect(variables.filter((variable) => !isSettingVariable(variable))).toEqual([]);
    expect(variables.filter((variable) => secretVariables().includes(variable))).toEqual([]);
  });

  it("has a credential for each file that a variable names", () => {
    const lines = linesOf(name);
    for (const line of lines.filter((each) => each.includes("=%d/"))) {
      const [, comment = "", credential = ""] = /^(#?)Environment=\w+=%d\/(\w+)$/u.exec(line) ?? [];
      expect(lines).toContain(`${comment}LoadCredential=${credential}:/etc/yonexus/${credential}`);
    }
  });
});

it("a coordinator can be given the bot's token, and a node cannot", () => {
  const named = units.filter((name) => variablesOf(name).includes("YONEXUS_NOTIFY_BOT_TOKEN_FILE"));
  expect(named).toEqual(["yonexus-coordinator.service"]);
});
