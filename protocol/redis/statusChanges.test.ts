import fc from "fast-check";
import { expect, it } from "vitest";
import { parseStatusChange } from "./statusChanges.ts";

const change = {
  identifier: "alpha",
  status: "offline",
  previous: "online",
  reason: "heartbeat_timeout",
  at: 1_700_000,
};
const text = (changes: Record<string, unknown>) => JSON.stringify({ type: "status", ...change, ...changes });

it("a status change is read with its five fields, and no field that a newer version adds", () => {
  expect(parseStatusChange(text({}))).toEqual(change);
  expect(parseStatusChange(text({ node: "of a newer version" }))).toEqual(change);
});

it.each([
  ["another type", { type: "paired" }],
  ["no type", { type: undefined }],
  ["no identifier", { identifier: undefined }],
  ["an identifier that is none", { identifier: "of two words" }],
  ["a status that is none", { status: "away" }],
  ["a previous status that is none", { previous: false }],
  ["a reason that is no text", { reason: 7 }],
  ["an instant that is no number", { at: "1700000" }],
  ["an instant that is no whole number", { at: 1.5 }],
])("a text with %s is ignored", (_, changes) => {
  expect(parseStatusChange(text(changes))).toBeUndefined();
});

it("any other text is ignored", () => {
  for (const other of ["", "status", "null", "[]", '"status"', "{"]) expect(parseStatusChange(other)).toBeUndefined();
  fc.assert(fc.property(fc.string(), (other) => parseStatusChange(other) === undefined));
});
