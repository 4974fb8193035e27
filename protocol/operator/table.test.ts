import { expect, it } from "vitest";
import { renderTable } from "./table.ts";

it("a table lines its columns up and marks empty cells", () => {
  const table = renderTable(
    ["identifier", "status", "node"],
    [
      ["alpha", "online", "node-1"],
      ["a-much-longer-name", "offline", ""],
    ],
  );
  expect(table.split("\n")).toEqual([
    "identifier          status   node",
    "alpha               online   node-1",
    "a-much-longer-name  offline  -",
  ]);
});

it("a table without rows is its header", () => {
  expect(renderTable(["identifier", "status"], [])).toBe("identifier  status");
});
