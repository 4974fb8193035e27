import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import {
  CAPABILITIES,
  CLOSE_CODES,
  ERROR_CODES,
  FOLLOWER_MESSAGES,
  MESSAGE_REJECTED_REASONS,
  NODE_MESSAGES,
  parseFollowerFrame,
  parseNodeFrame,
} from "./index.ts";

const text = readFileSync(new URL("../PROTOCOL.md", import.meta.url), "utf8");
const lines = text.split("\n");
const fromFollower = lines.indexOf("### From the follower");
const fromNode = lines.indexOf("### From the node");
/** Every message with the line from which on its section is looked for: two have the same name in both directions. */
const messages = [
  ...FOLLOWER_MESSAGES.map((schema) => ({ schema, from: fromFollower })),
  ...NODE_MESSAGES.map((schema) => ({ schema, from: fromNode })),
];

/** The lines from the heading on, up to the next heading. */
function section(heading: string, from = 0): string[] {
  const start = lines.indexOf(heading, from);
  if (start < 0) throw new Error(`PROTOCOL.md has no ${heading}`);
  const end = lines.findIndex((line, index) => index > start && line.startsWith("#"));
  return lines.slice(start + 1, end < 0 ? undefined : end);
}

/** The first cells of a table's rows that are given as code. */
function codeCells(rows: string[]): string[] {
  return rows.flatMap((row) => /^\| `([^`]+)` \|/.exec(row)?.[1] ?? []);
}

test("PROTOCOL.md has every message with every field, under the side that sends it, and no other", () => {
  const headingsIn = (from: number, to?: number) =>
    lines.slice(from, to).flatMap((line) => /^#### `(\w+)`$/.exec(line)?.[1] ?? []);
  expect(fromNode).toBeGreaterThan(fromFollower);
  expect(headingsIn(0, fromNode)).toEqual(FOLLOWER_MESSAGES.map(({ properties }) => properties.type.const));
  expect(headingsIn(fromNode)).toEqual(NODE_MESSAGES.map(({ properties }) => properties.type.const));
  for (const { schema, from } of messages) {
    const fields = codeCells(section(`#### \`${schema.properties.type.const}\``, from));
    expect(fields, schema.properties.type.const).toEqual(Object.keys(schema.properties.payload.properties));
  }
});

test("PROTOCOL.md has every word that a field of fixed words can hold", () => {
  for (const { schema, from } of messages) {
    const own = section(`#### \`${schema.properties.type.const}\``, from).join("\n");
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
  expect(examples.length).toBeGreaterThan(messages.length);
  for (const example of examples) {
    const frame = example.slice(2);
    const parsed = example.startsWith("C") ? parseFollowerFrame(frame) : parseNodeFrame(frame);
    expect(parsed.kind, example).toBe(frame.startsWith("builtin::") ? "builtin" : "application");
  }
});

test("PROTOCOL.md has the table of close codes", () => {
  const rows = section("## 16. Close codes").flatMap((row) => {
    const [, code, reason] = /^\| (\d+) \| `(\w+)` \|/.exec(row) ?? [];
    return reason === undefined ? [] : [[reason, Number(code)]];
  });
  expect(rows).toEqual(Object.entries(CLOSE_CODES).map(([reason, { code }]) => [reason, code]));
});

test("PROTOCOL.md has the table of error codes with their meanings", () => {
  const rows = section("## 17. Error codes").filter((row) => row.startsWith("| `"));
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

test("PROTOCOL.md has every capability and why a message is not taken", () => {
  expect(codeCells(section("## 10. Capabilities"))).toEqual([...CAPABILITIES]);
  expect(codeCells(section("### Rejected"))).toEqual([...MESSAGE_REJECTED_REASONS]);
});
