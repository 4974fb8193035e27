import { OTHERS, type Usage } from "./processUsage.ts";
import type { RedisWork } from "./redisCounters.ts";
import { bestSocketIo, busiest, costs, type Figure, type JudgedTarget, type Row, type Side, sumOf } from "./rows.ts";

/** The first line holds the heads. */
export type Table = readonly (readonly string[])[];

const HEADS = [
  "measure",
  "unit",
  "Yonexus",
  "bare",
  "ratio",
  "best Socket.IO",
  "ratio",
  "target",
  "µs each",
  "busiest",
];

/** Every row in a line. */
export function measuresTable(rows: readonly Row[]): Table {
  return [HEADS, ...rows.map(cellsOf)];
}

/** Each measure that others did too, with a line for every system. */
export function peersTables(rows: readonly Row[]): { readonly row: Row; readonly table: Table }[] {
  return rows
    .filter(({ peers }) => peers.length > 0)
    .map((row) => {
      const heads = ["system", row.unit, "Yonexus to it", "sent", "lost", "µs each", "busiest"];
      return { row, table: [heads, ...systemsOf(row).map(([name, side]) => systemCells(row, name, side))] };
    });
}

/** How busy the processes of a row were, a line for each system. */
export function usageLines(row: Row): string[] {
  return systemsOf(row).flatMap(([name, side]) => {
    const { usage = [] } = side;
    if (usage.length === 0) return [];
    const each = costs(row, side);
    const parts = usage.map(({ name: process, loop, all }) => {
      const cost = each.find((own) => own.name === process);
      return `${process} ${loop} % (${all} %)${cost === undefined ? "" : ` ${number(cost.all)} µs`}`;
    });
    return [`${row.measure}, ${name}: ${parts.join(", ")}`];
  });
}

/** What all systems of a row lost, in words; nothing where messages were not counted. */
export function lossNote({ ours, bare }: Row): string | undefined {
  if (ours.sent === undefined) return undefined;
  const beside = bare?.sent === undefined ? "" : `, bare ${count(bare.lost)} of ${count(bare.sent)}`;
  return `${count(ours.lost)} of ${count(ours.sent)} sent were lost${beside}`;
}

export function workLines(work: Readonly<Record<string, RedisWork>>): string[] {
  return Object.entries(work).map(([what, { commands, bytesIn, bytesOut }]) => {
    const calls = Object.entries(commands).map(([name, { calls: many, us }]) => `${name} ${many} (${us} µs)`);
    return `${what}: ${calls.join(", ")}; ${bytesIn} bytes in, ${bytesOut} out`;
  });
}

/** What else ran on the machine, in percent of a core. */
export function othersShare(rows: readonly Row[]): number {
  const shares = rows.flatMap((row) =>
    systemsOf(row).flatMap(([, { usage = [] }]) => usage.filter(({ name }) => name === OTHERS).map(({ all }) => all)),
  );
  return Math.round(shares.reduce((sum, share) => sum + share, 0) / Math.max(1, shares.length));
}

function systemsOf({ ours, bare, peers }: Row): [string, Side][] {
  return [
    ["Yonexus", ours],
    ...(bare === undefined ? [] : [["bare", bare] as [string, Side]]),
    ...peers.map((peer): [string, Side] => [peer.name, peer]),
  ];
}

function systemCells(row: Row, name: string, side: Side): string[] {
  const { figure, ratio, sent, lost = 0, usage = [] } = side;
  return [
    name,
    shown(figure),
    ratio === undefined ? "" : ratio.toFixed(2),
    sent === undefined ? "" : count(sent),
    sent === undefined ? "" : lost === 0 ? "0" : `${count(lost)} (${((lost / sent) * 100).toFixed(1)} %)`,
    costOf(row, side),
    busyText(usage),
  ];
}

function cellsOf(row: Row): string[] {
  const { measure, unit, ours, bare, targets } = row;
  const best = bestSocketIo(row);
  return [
    measure,
    unit,
    shown(ours.figure),
    bare === undefined ? "" : shown(bare.figure),
    bare === undefined ? "" : bare.ratio.toFixed(2),
    best === undefined ? "" : shown(best.figure),
    best === undefined ? "" : best.ratio.toFixed(2),
    targets.map((target) => goal(target, unit)).join("; "),
    costOf(row, ours),
    busyText(ours.usage),
  ];
}

function goal({ is, of, value, isMet }: JudgedTarget, unit: string): string {
  const what = { ours: ` ${unit}`, bare: " × bare", "Socket.IO": " × Socket.IO" }[of];
  return `${is === "at least" ? "≥" : "≤"} ${value.toLocaleString("en")}${what} ${isMet ? "met" : "MISSED"}`;
}

function costOf(row: Row, side: Side): string {
  const each = sumOf(costs(row, side));
  return each === 0 ? "" : number(each);
}

function busyText(usage: readonly Usage[] = []): string {
  return usage.length === 0 ? "" : busiest(usage);
}

function shown({ median, low, high }: Figure): string {
  return low === high ? number(median) : `${number(median)} (${number(low)}–${number(high)})`;
}

function number(value: number): string {
  if (value >= 100) return count(Math.round(value));
  return value.toFixed(value >= 10 ? 1 : 2);
}

function count(value = 0): string {
  return value.toLocaleString("en");
}
