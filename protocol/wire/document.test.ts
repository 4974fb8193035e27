import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import {
  CLOSE_CODES,
  ERROR_CODES,
  FOLLOWER_MESSAGES,
  NODE_MESSAGES,
  parseFollowerFrame,
  parseNodeFrame,
} from "./index.ts";

const text = readFileSync(new URL("../PROTOCOL.md", import.meta.url), "utf8");
const lines = text.split("\n");
const schemas = [...FOLLOWER_MESSAGES, ...NODE_MESSAGES];

/** The lines from the heading on, up to the next heading. */
function section(heading: string): string[] {
  const start = lines.indexOf(heading);
  if (start < 0) throw new Error(`PROTOCOL.md has no ${heading}`);
  const end = lines.findIndex((line, index) => index > start && line.startsWith("#"));
  return lines.slice(start + 1, end < 0 ? undefined : end);
}

/** The first cells of a table's rows that are given as code. */
function codeCells(rows: string[]): string[] {
  return rows.flatMap((row) => /^\| `([^`]+)` \|/.exec(row)?.[1] ?? []);
}

test("PROTOCOL.md has every message with every field, and no other", () => {
  const headings = lines.flatMap((line) => /^#### `(\w+)`$/.exec(line)?.[1] ?? []);
  expect(headings).toEqual(schemas.map((schema) => schema.properties.type.const));
  for (const schema of schemas) {
    const fields = codeCells(section(`#### \`${schema.properties.type.const}\``));
    expect(fields, schema.properties.type.const).toEqual(Object.keys(schema.properties.payload.properties));
  }
});

test("PROTOCOL.md has every word that a field of fixed words can hold", () => {
  for (const schema of schemas) {
    const own = section(`#### \`${schema.properties.type.const}\``).join("\n");
    for (const field of Object.values(schema.properties.payload.properties)) {
      // The words of error.code have a section of their own.
      if ("enum" in field && !field.enum.some((word: string) => word in ERROR_CODES)) {
        for (const word of field.enum) expect(own).toContain(`\`${word}\``);
      }
    }
  }
});

test("every example frame of PROTOCOL.md is read by the side it is sent to", () => {
  const examples = lines.filter((line) => /^[CS] /.test(line));
  expect(examples.length).toBeGreaterThan(schemas.length);
  for (const example of examples) {
    const frame = example.slice(2);
    const parsed = example.startsWith("C") ? parseFollowerFrame(frame) : parseNodeFrame(frame);
    expect(parsed.kind, example).toBe(frame.startsWith("builtin::") ? "builtin" : "application");
  }
});

test("PROTOCOL.md has the table of close codes", () => {
  const rows = section("## 14. Close codes").flatMap((row) => {
    const [, code, reason] = /^\| (\d+) \| `(\w+)` \|/.exec(row) ?? [];
    return reason === undefined ? [] : [[reason, Number(code)]];
  });
  expect(rows).toEqual(Object.entries(CLOSE_CODES).map(([reason, { code }]) => [reason, code]));
});

test("PROTOCOL.md has the table of error codes with their meanings", () => {
  const rows = section("## 15. Error codes").filter((row) => row.startsWith("| `"));
  expect(rows).toEqual(Object.entries(ERROR_CODES).map(([code, { meaning }]) => `| \`${code}\` | ${meaning} |`));
});

test("links inside PROTOCOL.md lead to its headings", () => {
  const anchors = lines
    .flatMap((line) => /^#+ (.+)$/.exec(line)?.[1] ?? [])
    .map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\w\s-]/g, "")
        .replaceAll(" ", "-"),
    );
  for (const [, anchor] of text.matchAll(/\]\(#([^)]+)\)/g)) expect(anchors).toContain(anchor);
});
