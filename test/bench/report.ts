import type { Machine } from "./machine.ts";
import type { RedisWork } from "./redisCounters.ts";
import { boundBy, type Figure, type Row } from "./rows.ts";

/** All that one run found. It is written as JSON as it stands. */
export interface Report {
  readonly at: string;
  readonly rounds: number;
  readonly seconds: number;
  readonly machine: Machine;
  readonly rows: readonly Row[];
  readonly work: Readonly<Record<string, RedisWork>>;
}

const HEADS = ["measure", "unit", "Yonexus", "bare", "ratio", "target", "bound by", "bare bound by"];

/** For a terminal. */
export function printable({ rows, work }: Pick<Report, "rows" | "work">): string {
  const cells = [HEADS, ...rows.map(cellsOf)];
  const widths = HEADS.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const lines = cells.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  return [...lines, "", ...workLines(work)].join("\n");
}

/** docs/benchmarks.md: only what was measured in this run. */
export function document({ at, rounds, seconds, machine, rows, work }: Report): string {
  const { cores, processor, memoryGb, system, runtime, redis, ws, ioredis } = machine;
  const table = [HEADS, HEADS.map(() => "---"), ...rows.map(cellsOf)].map((row) => `| ${row.join(" | ")} |`);
  const notes = rows.flatMap(({ measure, note }) => (note === undefined ? [] : [`- ${measure}: ${note}.`]));
  const usage = rows.flatMap(({ measure, usage: ours = [] }) =>
    ours.length === 0
      ? []
      : [`- ${measure}: ${ours.map(({ name, loop, all }) => `${name} ${loop} % (${all} %)`).join(", ")}.`],
  );
  return `# Benchmarks

Written by \`npm run bench\` on ${at.slice(0, 10)}; every figure here was measured in that one run of ${Math.round(seconds / 60)} minutes.

Machine: ${cores} cores (${processor}), ${memoryGb} GB, ${system}, Node.js ${runtime.slice(1)}, ${redis} with an append-only file, ws ${ws}, ioredis ${ioredis}.
Load generators, nodes, Redis and senders share these cores, on the loopback. So **the ratios mean something, and the absolute figures only that
a machine like this one does at least as much**.

${table.join("\n")}

Each figure is the median of ${rounds} rounds (fewer where a round takes fresh processes), with the lowest and highest beside it. The ratio is the median of the rounds' own
ratios. "Bound by" names the process whose event loop was at its limit, or all cores when they were used up together.

${notes.join("\n")}

## How it is measured

- **Bare** is the limit of the parts: the same \`ws\`, the same Redis client and the same Redis, without sessions, epochs, checks or receipts. It is measured
  in the same run, in turn with ours, and in each round the other one goes first.
- Nodes are real node processes with limits that a load from one address does not reach. Followers are sockets of a load generator in its own
  process, with a client that only does what it must, so that the generator is not what is measured.
- **Handshakes**: connect, \`hello\`, \`hello_ack\`, \`auth_request\`, \`auth_success\`, 64 at a time, with every check. Proofs are signed just before the time
  is taken. Bare: the same frames, answered by \`ws\` with texts of the same length.
- **Routed**: a sender that has only Redis, one node, 100 followers, frames of 128 bytes. At the limit: 4,096 messages without a receipt at any time; bare: as many
  unanswered PUBLISH, autopipelined, one channel a node, no receipts. Times run from the instant at which a message was due to its arrival in the
  follower. Every message is counted: none may be lost, come twice, or arrive elsewhere, and every result must say what happened.
- **From followers**: frame, epoch check, inbox of the rule, a handler in another process, acked after each.
- **Memory**: resident memory of a fresh process before and after, garbage collected, for idle connections that made their handshake.
- **A node is killed** with SIGKILL. Its followers come back to the other node with full jitter from 500 ms on, as the follower library does; at the end Redis must
  say of each that its session is live on that node.
- **Sweep**: the coordinator's own, against an index of that size.

How busy the processes were, in percent of a core (event loop, and with all threads):

${usage.join("\n")}

## What Redis does

On average, commands inside scripts included; bytes are those that Redis read and wrote.

${workLines(work)
  .map((line) => `- ${line}`)
  .join("\n")}

To measure: \`npm run bench\`. \`npm run bench -- --quick\` shows in a minute whether it works, \`npm run bench -- routed --profile\` where the time goes.
`;
}

function cellsOf({ measure, unit, ours, bare, ratio, target, isMet, usage = [], bareUsage = [] }: Row): string[] {
  const goal =
    target === undefined
      ? ""
      : `${target.is === "at least" ? "≥" : "≤"} ${target.value}${target.of === "ours" ? ` ${unit}` : ""} ${isMet === true ? "met" : "MISSED"}`;
  return [
    measure,
    unit,
    shown(ours),
    bare === undefined ? "" : shown(bare),
    ratio === undefined ? "" : ratio.toFixed(2),
    goal,
    usage.length === 0 ? "" : boundBy(usage),
    bareUsage.length === 0 ? "" : boundBy(bareUsage),
  ];
}

function shown({ median, low, high }: Figure): string {
  return low === high ? number(median) : `${number(median)} (${number(low)}–${number(high)})`;
}

function number(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString("en");
  return value.toFixed(value >= 10 ? 1 : 2);
}

function workLines(work: Readonly<Record<string, RedisWork>>): string[] {
  return Object.entries(work).map(([what, { commands, bytesIn, bytesOut }]) => {
    const calls = Object.entries(commands).map(([name, count]) => `${name} ${count}`);
    return `${what}: ${calls.join(", ")}; ${bytesIn} bytes in, ${bytesOut} out`;
  });
}
