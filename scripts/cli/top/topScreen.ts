import {
  factLines,
  followerMood,
  NODE_COLUMNS,
  nodeMood,
  nodeRow,
  type RowMood,
  RULE_COLUMNS,
  ruleMood,
  ruleRow,
  TOP_FOLLOWER_COLUMNS,
  topFollowerRow,
} from "./topRows.ts";
import type { TopSnapshot } from "./topSnapshot.ts";
import type { TopPages, TopTable, TopView } from "./topView.ts";

/** A line of the screen, no longer than it is wide, and how it is to look. */
export interface ScreenLine {
  readonly text: string;
  readonly look: "plain" | "title" | "header" | "focused" | "worrying" | "bad" | "faint";
}

export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

/** Rows that each table may show. */
export type TopSpace = Readonly<Record<TopTable, number>>;

const HEAD_LINES = 5;
/** The header of a table and the empty line before it. */
const TABLE_LINES = 2;
const FOOT_LINES = 1;

/** How many rows the tables have that the space for the others depends on. */
export function sizesOf({ nodes, rules }: TopSnapshot): { readonly nodes: number; readonly rules: number } {
  return { nodes: nodes.length, rules: rules.known };
}

/** How the screen is shared out: followers get what nodes and rules leave. @param counts how many there are of each. */
export function shareSpace(size: ScreenSize, counts: { readonly nodes: number; readonly rules: number }): TopSpace {
  const tables = 2 + (counts.rules === 0 ? 0 : 1);
  const free = Math.max(0, size.rows - HEAD_LINES - FOOT_LINES - tables * TABLE_LINES);
  const quarter = Math.max(1, Math.floor(free / 4));
  const nodes = Math.min(counts.nodes, quarter, free);
  const rules = Math.min(counts.rules, quarter, free - nodes);
  return { nodes, rules, followers: free - nodes - rules };
}

/** How far each table can be turned over. */
export function pagesOf(snapshot: TopSnapshot, space: TopSpace): TopPages {
  return {
    nodes: { rows: snapshot.nodes.length, shown: space.nodes },
    rules: { rows: snapshot.rules.known, shown: space.rules },
    followers: { rows: snapshot.page.rows, shown: space.followers },
  };
}

/** The whole screen. @param focus the table that the keys are for. @param title what is watched. @param trouble what is wrong with the reading itself. */
export function drawTop(
  snapshot: TopSnapshot,
  focus: TopTable,
  size: ScreenSize,
  { title, trouble }: { readonly title: string; readonly trouble?: string | undefined },
): ScreenLine[] {
  const space = shareSpace(size, sizesOf(snapshot));
  const pages = pagesOf(snapshot, space);
  const view = { ...snapshot.view, focus };
  const nodes = snapshot.nodes.slice(view.offset.nodes, view.offset.nodes + space.nodes);
  const rules = snapshot.rules.shown.slice(0, space.rules);
  const followers = snapshot.page.shown.slice(0, space.followers);
  const lines: ScreenLine[] = [
    trouble === undefined ? { text: title, look: "title" } : { text: trouble, look: "bad" },
    ...factLines(snapshot).map((text) => ({ text, look: "plain" as const })),
    ...table("nodes", NODE_COLUMNS, nodes.map(nodeRow), nodes.map(nodeMood), view, pages),
    ...(snapshot.rules.known === 0
      ? []
      : table("rules", RULE_COLUMNS, rules.map(ruleRow), rules.map(ruleMood), view, pages)),
    ...table(
      "followers",
      TOP_FOLLOWER_COLUMNS,
      followers.map((follower) => topFollowerRow(follower, snapshot.at)),
      followers.map(followerMood),
      view,
      pages,
    ),
  ];
  const body = lines.slice(0, Math.max(0, size.rows - FOOT_LINES));
  const empty = Math.max(0, size.rows - FOOT_LINES - body.length);
  const foot = "q quit · ←→ sort · ↑↓ page · home end · tab next table";
  return [
    ...body,
    ...Array.from({ length: empty }, () => ({ text: "", look: "plain" as const })),
    { text: foot, look: "faint" as const },
  ].map(({ text, look }) => ({ text: clip(text, size.columns), look }));
}

const SORTED_COLUMNS: Readonly<Record<string, string>> = {
  sessions: "sessions",
  name: "node",
  lease: "lease",
  rule: "rule",
  changed: "changed",
  identifier: "follower",
};

function table(
  name: TopTable,
  columns: readonly string[],
  rows: readonly (readonly string[])[],
  moods: readonly RowMood[],
  view: TopView,
  pages: TopPages,
): ScreenLine[] {
  const sorted = SORTED_COLUMNS[view.sort[name]];
  const header = columns.map((column) => (column === sorted ? `${column} ▾` : column));
  const cells = [header, ...rows].map((row) => header.map((_, column) => row[column] || "-"));
  const widths = header.map((_, column) => Math.max(...cells.map((row) => [...(row[column] ?? "")].length)));
  const texts = cells.map((row) =>
    row
      .map((cell, column) => pad(cell, widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  const from = view.offset[name];
  const place = rows.length === 0 ? "none" : `${from + 1}–${from + rows.length} of ${pages[name].rows}`;
  return [
    { text: "", look: "plain" },
    { text: `${texts[0] ?? ""}   (${place})`, look: view.focus === name ? "focused" : "header" },
    ...texts.slice(1).map((text, row) => ({ text, look: lookOf(moods[row]) })),
  ];
}

function lookOf(mood: RowMood | undefined): ScreenLine["look"] {
  return mood === undefined || mood === "good" ? "plain" : mood;
}

function pad(cell: string, width: number): string {
  return cell + " ".repeat(width - [...cell].length);
}

function clip(text: string, columns: number): string {
  const characters = [...text];
  return characters.length <= columns ? text : `${characters.slice(0, Math.max(0, columns - 1)).join("")}…`;
}
