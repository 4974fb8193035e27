import type { Machine } from "./machine.ts";
import type { RedisWork } from "./redisCounters.ts";
import type { Row } from "./rows.ts";
import { lossNote, measuresTable, othersShare, peersTables, type Table, usageLines, workLines } from "./tables.ts";

/** All that one run found. It is written as JSON as it stands. */
export interface Report {
  readonly at: string;
  readonly rounds: number;
  readonly seconds: number;
  readonly machine: Machine;
  readonly rows: readonly Row[];
  readonly work: Readonly<Record<string, RedisWork>>;
  /** What was not measured, and how it can be. */
  readonly missing?: string;
}

/** For a terminal. */
export function printable({ rows, work }: Pick<Report, "rows" | "work">): string {
  const beside = peersTables(rows).flatMap(({ row, table }) => ["", `${row.measure}, ${row.unit}`, ...aligned(table)]);
  return [
    ...aligned(measuresTable(rows)),
    ...beside,
    "",
    ...rows.flatMap(notesOf),
    "",
    ...rows.flatMap(usageLines),
    "",
    ...workLines(work),
  ].join("\n");
}

/** docs/benchmarks.md: only what was measured in this run. */
export function document({ at, rounds, seconds, machine, rows, work, missing }: Report): string {
  const { cores, processor, memoryGb, system, runtime, redis, ws, ioredis, peers } = machine;
  const versions = Object.entries(peers).map(([name, version]) => `${name} ${version}`);
  const beside = peersTables(rows).map(({ row, table }) => `### ${row.measure}\n\n${markdown(table)}`);
  return `# Benchmarks

Written by \`npm run bench\` on ${at.slice(0, 10)}; every figure here was measured in that one run of ${Math.round(seconds / 60)} minutes.

Machine: ${cores} cores (${processor}), ${memoryGb} GB, ${system}, Node.js ${runtime.slice(1)}, ${redis} with an append-only file, ws ${ws}, ioredis ${ioredis};
beside it ${versions.join(", ")}.${missing === undefined ? "" : ` ${missing}`}
Load generators, nodes, Redis and senders share these cores, on the loopback, and other programs took ${othersShare(rows)} % of a core on average. So **the ratios mean something, and the absolute figures only that
a machine like this one does at least as much**.

${markdown(measuresTable(rows))}

Each figure is the median of ${rounds} rounds (fewer where a round takes fresh processes), with the lowest and highest beside it. A ratio is ours to the other's, the median of
the rounds' own ratios. "µs each" is the processor time of all processes together for one of what is counted. "Busiest" names
the process whose event loop was busiest (with all its threads), or all cores when they were used up together.

${list(rows.flatMap(notesOf))}

## Beside other systems

The same work in the same rounds. What is lost was handed over without an error and never arrived.

${beside.join("\n\n")}

## How it is measured

- **Bare** is the limit of the parts: the same \`ws\`, the same Redis client and the same Redis, without sessions, epochs, checks or receipts. It is measured
  in the same run, in turn with ours, and in each round the other one goes first.
- Nodes are real node processes with limits that a load from one address does not reach. Followers are sockets of a load generator in its own
  process, with a client that only does what it must, so that the generator is not what is measured; the same client for every system.
- **Handshakes**: connect, \`hello\`, \`hello_ack\`, \`auth_request\`, \`auth_success\`, 64 at a time, with every check. Proofs are signed just before the time
  is taken. Bare: the same frames, answered by \`ws\` with texts of the same length. A client of \`ws\` takes more of the machine than the server that it talks to,
  which hides what a handshake costs the server; the row with followers that cost next to nothing does not hide it.
- **Routed**: a sender that has only Redis, one node, 100 followers, frames of 128 bytes. At the limit: 4,096 messages without a receipt at any time; bare: as many
  unanswered PUBLISH, autopipelined, one channel a node, no receipts. Times run from the instant at which a message was due to its arrival in the
  follower. Every message is counted: none of ours may be lost, come twice, or arrive elsewhere, and every result must say what happened.
- **Socket.IO** does it with a server that holds the followers, each in a room of its own, and a second one without followers, in another process, attached through
  the adapter, that does \`io.to(room).emit\`: WebSocket alone, no compression, ioredis autopipelined as ours. An emit answers nothing, so at the limit 4,096 of its commands
  to Redis are unanswered at any time, as with bare: no other pressure comes back to the sender.
- **nats-server** and **mosquitto** are one server, so one hop fewer, and no Redis: the sender by TCP, the followers by WebSocket, each with its subject or topic. At the limit
  4,096 messages are on their way to the server: with NATS until it answers a PING sent after them, with MQTT until the PUBACK (at least once to the server, at most once from it).
- **Queued and acked**: \`delivery: "queued"\`, \`waitFor: "acked"\`: stored in Redis, delivered, acknowledged by the follower, settled in Redis, the sender told; until the sender's
  last answer. Bare: XADD by the sender, XREADGROUP and XACK by another process, no follower. JetStream: a work queue on disk, a consumer with explicit acks for each follower,
  4,096 messages not stored yet at any time; the sender is not told of acks. Socket.IO has nothing of the kind across servers.
- **From followers**: frame, epoch check, inbox of the rule, a handler in another process, acked after each.
- **Memory**: resident memory of a fresh process before and after idle connections made their handshake. Bare connections made as many exchanges.
- **A node is killed** with SIGKILL. Its followers come back to the other node with full jitter from 500 ms on, as the follower library does; at the end Redis must
  say of each that its session is live on that node.
- **Sweep**: the coordinator's own, against an index of that size.

How busy the processes were, in percent of a core (event loop, with all threads), and what each took for one of what is counted:

${list(rows.flatMap(usageLines))}

## What Redis does

For one of each on average, with the time that Redis spent in the command (a script's holds that of its commands); bytes are those that Redis read and wrote.

${list(workLines(work))}

To measure: \`npm run bench\`, with \`apt-get install nats-server mosquitto\` before it for all that is beside. \`npm run bench -- --quick\` shows in a minute whether it works,
\`npm run bench -- routed --profile\` where the time goes.
`;
}

function notesOf(row: Row): string[] {
  const parts = [lossNote(row), row.note].filter((part) => part !== undefined);
  return parts.length === 0 ? [] : [`${row.measure}: ${parts.join("; ")}.`];
}

function aligned(table: Table): string[] {
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  return table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

function markdown([heads = [], ...lines]: Table): string {
  return [heads, heads.map(() => "---"), ...lines].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

function list(lines: readonly string[]): string {
  return lines.map((line) => `- ${line}`).join("\n");
}
