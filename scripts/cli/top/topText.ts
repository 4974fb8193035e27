import { renderTable } from "@yonexus/protocol/operator";
import {
  factLines,
  NODE_COLUMNS,
  nodeRow,
  RULE_COLUMNS,
  ruleRow,
  TOP_FOLLOWER_COLUMNS,
  topFollowerRow,
} from "./topRows.ts";
import type { TopSnapshot } from "./topSnapshot.ts";

/** The same as plain lines, for a pipe or a file. */
export function topText(snapshot: TopSnapshot): string {
  const { nodes, rules, page, at } = snapshot;
  return [
    ...factLines(snapshot),
    "",
    renderTable(NODE_COLUMNS, nodes.map(nodeRow)),
    ...(rules.shown.length === 0 ? [] : ["", renderTable(RULE_COLUMNS, rules.shown.map(ruleRow))]),
    ...(page.shown.length === 0
      ? []
      : [
          "",
          renderTable(
            TOP_FOLLOWER_COLUMNS,
            page.shown.map((follower) => topFollowerRow(follower, at)),
          ),
        ]),
  ].join("\n");
}
