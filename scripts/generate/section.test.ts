import { describe, expect, it } from "vitest";
import { replaceSection } from "./section.ts";

describe("replaceSection", () => {
  const page = "# Page\n<!-- list:begin -->\nold\n<!-- list:end -->\nafter\n";

  it("replaces what is between the markers and keeps the rest", () => {
    const next = replaceSection(page, "list", "new\n");
    expect(next).toBe("# Page\n<!-- list:begin -->\n\nnew\n\n<!-- list:end -->\nafter\n");
    expect(replaceSection(next, "list", "new\n")).toBe(next);
  });

  it("refuses a page without the markers", () => {
    expect(() => replaceSection(page, "table", "new")).toThrow("table:begin");
    expect(() => replaceSection("<!-- list:begin -->", "list", "new")).toThrow("list:end");
  });
});
