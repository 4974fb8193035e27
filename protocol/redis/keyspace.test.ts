import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { Keys } from "./keys.ts";
import { SCRIPTS } from "./luaSources.ts";
import { SCHEMA_VERSION } from "./schemaVersion.ts";

const page = readFileSync(join(dirname(fileURLToPath(import.meta.url)), "..", "KEYSPACE.md"), "utf8");
const rows = page.split("\n").filter((line) => line.startsWith("| `"));

describe("KEYSPACE.md", () => {
  it("is of this schema version", () => {
    expect(page.split("\n")[0]).toBe(`# The Yonexus key space in Redis, schema version ${SCHEMA_VERSION}`);
  });

  it.each(Object.entries(SCRIPTS))("has the keys and the outcomes of %s", (name, { lua }) => {
    const [, keys = "", outcomes = ""] = rows
      .find((row) => row.startsWith(`| \`${name}\` |`))
      ?.split("|")
      .slice(1) ?? ["", "", ""];
    const head = lua.split("\n").filter((line) => line.startsWith("--"));
    const headKeys = /^-- KEYS (.*)$/mu.exec(lua)?.[1] ?? "";
    const named = Array.from(headKeys.matchAll(/\d+(?:\.\.)? (\w+)/gu), (match) => match[1]);
    expect(keys.trim()).toBe(named.join(", "));
    const returns = head.join(" ").split("-- Returns ")[1] ?? "";
    const answered = Array.from(returns.matchAll(/\{((?:'\w+'\|?)+)/gu), (match) => match[1] ?? "")
      .flatMap((each) => each.split("|"))
      .map((each) => each.replaceAll("'", ""));
    const listed = Array.from(outcomes.matchAll(/`(\w+)`/gu), (match) => match[1]);
    expect(listed.toSorted()).toEqual(answered.toSorted());
  });

  it("lists no script that is not there", () => {
    const section = page.slice(page.indexOf("## 6. Scripts"), page.indexOf("## 7. "));
    const listed = Array.from(section.matchAll(/^\| `(\w+)` \|/gmu), (match) => match[1]);
    expect(listed.toSorted()).toEqual(Object.keys(SCRIPTS));
  });

  it("names every key and channel", () => {
    const { prefix: _, nodeChannelPrefix: __, queuePrefix, ...fixed } = new Keys("P");
    const keys = new Keys("P");
    for (const name of [...Object.values(fixed), keys.nodeChannel("<nodeId>"), keys.replyChannel("<senderId>")]) {
      expect(page).toContain(name);
    }
    for (const name of [keys.node("<nodeId>"), keys.nodeSessions("<nodeId>"), `{P:jobs}`]) expect(page).toContain(name);
    expect(page).toContain(queuePrefix);
    for (const name of [...Object.keys(keys.follower("i")), ...Object.keys(keys.rule("r"))]) {
      expect(rows.some((row) => row.startsWith(`| \`${name}\` |`))).toBe(true);
    }
  });

  it("names every field that a script writes to a hash of a follower, and every event of its audit", () => {
    for (const { lua } of Object.values(SCRIPTS)) {
      const code = lua.replace(/--.*$/gmu, "").replace(/,\n\s*/gu, ", ");
      for (const [, values = ""] of code.matchAll(/'HSET', KEYS\[\d\], ([^\n]*)\)/gu)) {
        const fields = values.split(/, (?![^(]*\))/u).filter((_, index) => index % 2 === 0);
        for (const field of fields) if (field.startsWith("'")) expect(page).toContain(`\`${field.slice(1, -1)}\``);
      }
      for (const [, event = ""] of code.matchAll(/'event', '(\w+)'/gu)) expect(page).toContain(`\`${event}\``);
    }
  });
});
