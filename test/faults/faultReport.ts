import type { Machine } from "../bench/machine.ts";
import type { RowResult } from "./runRow.ts";

const HEADS = [
  "row",
  "sent",
  "acked",
  "lost",
  "handled twice",
  "reordered",
  "redelivered",
  "double owners",
  "never back",
  "longest gap s",
  "seconds",
  "clean",
];

/** For a terminal. */
export function printable(results: readonly RowResult[]): string {
  const cells = [HEADS, ...results.map(cellsOf)];
  const widths = HEADS.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const lines = cells.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
  return [...lines, ...liveLines(results), ...results.flatMap(findings), ...folders(results)].join("\n");
}

/** docs/faults.md: only what was found in this run. */
export function document(results: readonly RowResult[], at: string, machine: Machine): string {
  const { cores, processor, memoryGb, system, runtime, redis } = machine;
  const table = [HEADS, HEADS.map(() => "---"), ...results.map(cellsOf)].map((row) => `| ${row.join(" | ")} |`);
  const seconds = results.reduce((sum, result) => sum + result.seconds, 0);
  return `# Faults

Written by \`npm run faults -- --document\` on ${at.slice(0, 10)}; all of it is of that one run of ${Math.round(seconds / 60)} minutes.

Machine: ${cores} cores (${processor}), ${memoryGb} GB, ${system}, Node.js ${runtime.slice(1)}, ${redis}.

${table.join("\n")}

${[...liveLines(results), ...results.flatMap(findings)].map((line) => `- ${line}`).join("\n")}

## How to read it

Each row has a Redis, two nodes, a coordinator, two replicas of a rule's handler, a sender and 20 followers in two processes of its own, all of them real
processes. The sender queues 150 messages a second for the followers, each until it is acked, and again with the same id when there is no final
answer; the followers send 50 a second, each until it is accepted. Then something is broken and healed, the load goes on for a moment, and everything gets 45 s to
come to an end. Redis writes each command to the disk before it answers (\`appendfsync always\`): with \`everysec\` a kill of the machine can take the last second.

- **acked**: to a follower, that the follower had handled it; from a follower, that it is stored for the rule's handlers. In a clean row that is every message.
- **lost**: promised so, and never handled. **handled twice**: a follower's listener got it again though its process had not died at it; or a rule's handler
  got it under two ids of the inbox.
- **redelivered** is no fault. Delivery is at least once: a process that is killed between its last step and the ack is given that message
  again, and so is a handler whose ack did not get through. What a handler does goes by \`message.id\`, which is the same each time.
- **reordered**: handled after a message that was sent later, where both were sent once, or after one that was sent only when this one had been acked.
- **double owners**: a message settled by a node after another one had claimed the follower's session, or two handlers at work for one follower at once.
- **never back**: followers without a session at the end. **longest gap**: the longest that any follower, or its messages' handlers, heard nothing, which contains the outage itself.
- The live row delivers at most once. It is clean when no message was told as delivered and is missing without its link having been cut, none came
  twice, and none came that was refused; what the followers sent is durable there as well and stands in the table.
`;
}

/** Of what is delivered at most once. */
function liveLines(results: readonly RowResult[]): string[] {
  return results.flatMap(({ row, live }) => {
    if (live === undefined) return [];
    const { sent, delivered, refused, unknown, cutOff, lies, handledThoughRefused, handledTwice } = live;
    return [
      `${row}: of ${sent} live messages ${delivered} delivered, ${refused} refused, ${unknown} unknown. Of the delivered ones ${cutOff} were in a socket that was cut, ${lies} are missing without that; ${handledThoughRefused} came though refused, ${handledTwice} came twice`,
    ];
  });
}

function findings({ row, isClean, verdict }: RowResult): string[] {
  return isClean ? [] : [`${row} is not clean`, ...verdict.findings.map((finding) => `${row}: ${finding}`)];
}

/** Where to look further, on this machine. */
function folders(results: readonly RowResult[]): string[] {
  return results.flatMap(({ row, folder }) => (folder === undefined ? [] : [`${row}: all of it stands in ${folder}`]));
}

function cellsOf({ row, what, verdict, isClean, seconds }: RowResult): string[] {
  const { sent, acked, lost, handledTwice, reordered, redelivered, doubleOwners, neverBack, longestGapMs } = verdict;
  const counts = [sent, acked, lost, handledTwice, reordered, redelivered, doubleOwners, neverBack];
  return [
    `${row}: ${what}`,
    ...counts.map((count) => count.toLocaleString("en")),
    (longestGapMs / 1000).toFixed(1),
    String(seconds),
    isClean ? "yes" : "NO",
  ];
}
