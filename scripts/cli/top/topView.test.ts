import { describe, expect, it } from "vitest";
import { FIRST_VIEW, type TopKey, type TopPages, type TopView, turn, withinPages } from "./topView.ts";

const PAGES: TopPages = {
  nodes: { rows: 3, shown: 3 },
  rules: { rows: 0, shown: 0 },
  followers: { rows: 25, shown: 10 },
};

const press = (keys: readonly TopKey[], view: TopView = FIRST_VIEW, pages = PAGES) =>
  keys.reduce((each, key) => turn(each, key, pages), view);

describe("the keys of yonexus top", () => {
  it.each<[TopKey[], number]>([
    [["down"], 10],
    [["down", "down"], 15],
    [["down", "down", "down"], 15],
    [["down", "up"], 0],
    [["up"], 0],
    [["end"], 15],
    [["end", "home"], 0],
  ])("%j shows the followers from row %i on", (keys, offset) => {
    expect(press(keys).offset.followers).toBe(offset);
  });

  it("left and right sort the table, round and round, and begin at its first page", () => {
    expect(press(["down", "right"])).toMatchObject({ sort: { followers: "identifier" }, offset: { followers: 0 } });
    expect(press(["right", "right"]).sort.followers).toBe("changed");
    expect(press(["left"]).sort.followers).toBe("identifier");
    expect(["sessions", "name", "lease"]).toContain(press(["tab", "left"]).sort.nodes);
    expect(press(["tab", "left"]).sort.nodes).toBe("lease");
  });

  it("tab goes to the next table that has rows", () => {
    expect(press(["tab"]).focus).toBe("nodes");
    expect(press(["tab", "tab"]).focus).toBe("followers");
    expect(press(["tab", "tab"], FIRST_VIEW, { ...PAGES, rules: { rows: 1, shown: 1 } }).focus).toBe("rules");
  });

  it("a page whose rows are gone is left for the last one that is there", () => {
    const view = press(["end"]);
    expect(withinPages(view, { ...PAGES, followers: { rows: 12, shown: 10 } }).offset.followers).toBe(2);
    expect(withinPages(view, { ...PAGES, followers: { rows: 0, shown: 10 } }).offset.followers).toBe(0);
  });
});
