import type { Machine } from "./machine.ts";
import { OTHERS, type Usage } from "./processUsage.ts";
import type { RedisWork } from "./redisCounters.ts";
import { busiest, costs, type Figure, type Row, sumOf } from "./rows.ts";

/** All that one run found. It is written as JSON as it stands. */
export interface Report {
  readonly at: string;
  readonly rounds: number;
  readonly seconds: number;
  readonly machine: Machine;
  readonly rows: readonly Row[];
  readonly work: Readonly<Record<string, RedisWork>>;
}

const HEADS = ["measure", "unit", "Yonexus", "bare", "ratio", "target", "µs each", "bare", "busiest", "bare busiest"];

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
  const usage = rows.flatMap(usageLines);
  return [...lines, "", ...usage, "", ...workLines(work)].join("\n");
}

/** docs/benchmarks.md: only what was measured in this run. */
export function document({ at, rounds, seconds, machine, rows, work }: Report): string {
  const { cores, processor, memoryGb, system, runtime, redis, ws, ioredis } = machine;
  const table = [HEADS, HEADS.map(() => "---"), ...rows.map(cellsOf)].map((row) => `| ${row.join(" | ")} |`);
  const notes = rows.flatMap(({ measure, note }) => (note === undefined ? [] : [`- ${measure}: ${note}.`]));
  const usage = rows.flatMap(usageLines);
  return `# Benchmarks

Written by \`npm run bench\` on ${at.slice(0, 10)}; every figure here was measured in that one run of ${Math.round(seconds / 60)} minutes.

Machine: ${cores} cores (${processor}), ${memoryGb} GB, ${system}, Node.js ${runtime.slice(1)}, ${redis} with an append-only file, ws ${ws}, ioredis ${ioredis}.
Load generators, nodes, Redis and senders share these cores, on the loopback, and other programs took ${othersShare(rows)} % of a core on average. So **the ratios mean something, and the absolute figures only that
a machine like this one does at least as much**.

${table.join("\n")}

Each figure is the median of ${rounds} rounds (fewer where a round takes fresh processes), with the lowest and highest beside it. The ratio is the median of the rounds' own
ratios. "µs each" is the processor time of all processes together for one of what is counted. "Busiest" names
the process whose event loop was busiest (with all its threads), or all cores when they were used up together.

${notes.join("\n")}

## How it is measured

- **Bare** is the limit of the parts: the same \`ws\`, the same Redis client and the same Redis, without sessions, epochs, checks or receipts. It is measured
  in the same run, in turn with ours, and in each round the other one goes first.
- Nodes are real node processes with limits that a load from one address does not reach. Followers are sockets of a load generator in its own
  process, with a client that only does what it must, so that the generator is not what is measured.
- **Handshakes**: connect, \`hello\`, \`hello_ack\`, \`auth_request\`, \`auth_success\`, 64 at a time, with every check. Proofs are signed just before the time
  is taken. Bare: the same frames, answered by \`ws\` with texts of the same length. A client of \`ws\` takes more of the machine than the server that it talks to,
  which hides what a handshake costs the server; the row with followers that cost next to nothing does not hide it.
- **Routed**: a sender that has only Redis, one node, 100 followers, frames of 128 bytes. At the limit: 4,096 messages without a receipt at any time; bare: as many
  unanswered PUBLISH, autopipelined, one channel a node, no receipts. Times run from the instant at which a message was due to its arrival in the
  follower. Every message is counted: none may be lost, come twice, or arrive elsewhere, and every result must say what happened.
- **From followers**: frame, epoch check, inbox of the rule, a handler in another process, acked after each.
- **Memory**: resident memory of a fresh process before and after idle connections made their handshake. Bare connections made as many exchanges.
- **A node is killed** with SIGKILL. Its followers come back to the other node with full jitter from 500 ms on, as the follower library does; at the end Redis must
  say of each that its session is live on that node.
- **Sweep**: the coordinator's own, against an index of that size.

How busy the processes were, in percent of a core (event loop, with all threads), and what each took for one of what is counted:

${usage.map((line) => `- ${line}`).join("\n")}

## What Redis does

On average, commands inside scripts included; bytes are those that Redis read and wrote.

${workLines(work)
  .map((line) => `- ${line}`)
  .join("\n")}

To measure: \`npm run bench\`. \`npm run bench -- --quick\` shows in a minute whether it works, \`npm run bench -- routed --profile\` where the time goes.
`;
}

function othersShare(rows: readonly Row[]): number {
  const shares = rows.flatMap(({ usage = [], bareUsage = [] }) =>
    [...usage, ...bareUsage].filter(({ name }) => name === OTHERS).map(({ all }) => all),
  );
  return Math.round(shares.reduce((sum, share) => sum + share, 0) / Math.max(1, shares.length));
}

function usageLines(row: Row): string[] {
  return [
    ...usageLine(row, row.measure, row.ours, row.usage),
    ...usageLine(row, `${row.measure}, bare`, row.bare, row.bareUsage),
  ];
}

function usageLine(row: Row, name: string, figure: Figure | undefined, usage: readonly Usage[] = []): string[] {
  if (usage.length === 0 || figure === undefined) return [];
  const each = costs(row, figure, usage);
  const parts = usage.map(({ name: process, loop, all }) => {
    const cost = each.find((own) => own.name === process);
    return `${process} ${loop} % (${all} %)${cost === undefined ? "" : ` ${number(cost.all)} µs`}`;
  });
  return [`${name}: ${parts.join(", ")}`];
}

function cellsOf(row: Row): string[] {
  const { measure, unit, ours, bare, ratio, target, isMet, usage = [], bareUsage = [] } = row;
  const cost = (perSecond: Figure | undefined, used: readonly Usage[]) => {
    const each = perSecond === undefined ? 0 : sumOf(costs(row, perSecond, used));
    return each === 0 ? "" : number(each);
  };
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
    cost(ours, usage),
    cost(bare, bareUsage),
    usage.length === 0 ? "" : busiest(usage),
    bareUsage.length === 0 ? "" : busiest(bareUsage),
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
