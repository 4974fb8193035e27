/** The tables that can be sorted and turned over. */
export type TopTable = "nodes" | "rules" | "followers";

const SORTS = {
  nodes: ["sessions", "name", "lease"],
  rules: ["rule"],
  followers: ["changed", "identifier"],
} as const;

export type TopSort<T extends TopTable> = (typeof SORTS)[T][number];

/** What a person looks at. */
export interface TopView {
  /** The table that the keys are for. */
  readonly focus: TopTable;
  readonly sort: { readonly [T in TopTable]: TopSort<T> };
  /** How many rows of each table come before the first that is shown. */
  readonly offset: { readonly [T in TopTable]: number };
}

export const FIRST_VIEW: TopView = {
  focus: "followers",
  sort: { nodes: "sessions", rules: "rule", followers: "changed" },
  offset: { nodes: 0, rules: 0, followers: 0 },
};

/** How many rows a table has, and how many of them are shown at once. */
export type TopPages = { readonly [T in TopTable]: { readonly rows: number; readonly shown: number } };

export type TopKey = "left" | "right" | "up" | "down" | "home" | "end" | "tab";

/** The view after a key. Pages overlap by nothing, and the last one is as full as it can be. */
export function turn(view: TopView, key: TopKey, pages: TopPages): TopView {
  const { focus } = view;
  const { rows, shown } = pages[focus];
  const moveTo = (offset: number): TopView =>
    withinPages({ ...view, offset: { ...view.offset, [focus]: offset } }, pages);
  switch (key) {
    case "up":
      return moveTo(view.offset[focus] - Math.max(1, shown));
    case "down":
      return moveTo(view.offset[focus] + Math.max(1, shown));
    case "home":
      return moveTo(0);
    case "end":
      return moveTo(rows);
    case "left":
      return sortBy(view, -1);
    case "right":
      return sortBy(view, 1);
    case "tab":
      return { ...view, focus: nextFocus(focus, pages) };
  }
}

/** The view with every table on a page that is there: rows may be gone since. */
export function withinPages(view: TopView, pages: TopPages): TopView {
  const clamp = (table: TopTable): number =>
    Math.max(0, Math.min(view.offset[table], pages[table].rows - pages[table].shown));
  return { ...view, offset: { nodes: clamp("nodes"), rules: clamp("rules"), followers: clamp("followers") } };
}

function sortBy(view: TopView, step: 1 | -1): TopView {
  const { focus } = view;
  const sorts: readonly string[] = SORTS[focus];
  const place = sorts.indexOf(view.sort[focus]) + step;
  const sort = sorts.at(place % sorts.length);
  return { ...view, sort: { ...view.sort, [focus]: sort }, offset: { ...view.offset, [focus]: 0 } };
}

function nextFocus(focus: TopTable, pages: TopPages): TopTable {
  const order: readonly TopTable[] = ["followers", "nodes", "rules"];
  const following = [...order, ...order].slice(order.indexOf(focus) + 1);
  return following.find((table) => table === "followers" || pages[table].rows > 0) ?? focus;
}
