import { availableParallelism } from "node:os";
import { OTHERS, type Usage } from "./processUsage.ts";
import type { Samples } from "./samples.ts";
import { median } from "./statistics.ts";

/** Of all rounds. */
export interface Figure {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** What one system did. */
export interface Side {
  readonly figure: Figure;
  /** How busy the processes were. */
  readonly usage?: readonly Usage[];
  /** How many messages were handed over, and how many of them never arrived. */
  readonly sent?: number;
  readonly lost?: number;
  /** Ours to it: the median of the rounds' own ratios. */
  readonly ratio?: number;
}

export interface PeerSide extends Side {
  readonly name: string;
  readonly ratio: number;
}

interface Target {
  readonly is: "at least" | "at most";
  /** Of what: of our own figure, or of its ratio to bare or to the best Socket.IO adapter. */
  readonly of: "ours" | "bare" | "Socket.IO";
  readonly value: number;
}

export interface JudgedTarget extends Target {
  readonly isMet: boolean;
}

/** One line of the result: ours, beside what was measured in the same rounds. */
export interface Row {
  readonly measure: string;
  readonly unit: string;
  readonly ours: Side;
  /** The same parts without any of it. */
  readonly bare?: Side & { readonly ratio: number };
  readonly peers: readonly PeerSide[];
  readonly targets: readonly JudgedTarget[];
  readonly note?: string;
}

export interface RowParts {
  readonly measure: string;
  readonly unit: string;
  readonly ours: Samples;
  /** From the same rounds; without values where it was not measured. */
  readonly bare?: Samples;
  readonly peers?: readonly { readonly name: string; readonly samples: Samples }[];
  readonly targets?: readonly Target[];
  readonly note?: string;
}

/** How the names of its adapters begin. */
const SOCKET_IO = "Socket.IO";

export function makeRow({ measure, unit, ours, bare, peers = [], targets = [], note }: RowParts): Row {
  const beside = (theirs: Samples) => {
    return { ...sideOf(theirs), ratio: median(ours.values.map((value, round) => value / (theirs.values[round] ?? 0))) };
  };
  const row = {
    measure,
    unit,
    ours: sideOf(ours),
    ...(bare === undefined || bare.values.length === 0 ? {} : { bare: beside(bare) }),
    peers: peers.map(({ name, samples }) => ({ name, ...beside(samples) })),
    targets: [],
    ...(note === undefined ? {} : { note }),
  };
  return { ...row, targets: targets.flatMap((target) => judge(row, target)) };
}

/** The one of Socket.IO's adapters that did best. */
export function bestSocketIo({ unit, peers }: Row): PeerSide | undefined {
  const [best] = peers
    .filter(({ name }) => name.startsWith(SOCKET_IO))
    .toSorted((left, right) => left.figure.median - right.figure.median)
    .slice(unit === "1/s" ? -1 : 0);
  return best;
}

/** Processor time for one of what a row counts a second (µs), by process: it says the same on a busy machine. */
export function costs({ unit }: Row, { figure, usage = [] }: Side): Usage[] {
  if (unit !== "1/s") return [];
  const each = (percent: number) => (percent * 1e4) / figure.median;
  return usage
    .filter(({ name }) => name !== OTHERS)
    .map(({ name, loop, all }) => ({ name, loop: each(loop), all: each(all) }));
}

export function sumOf(usage: readonly Usage[]): number {
  return usage.reduce((sum, { all }) => sum + all, 0);
}

/** What was at its limit, or nearest to it: all cores together, or a process with its event loop's share. */
export function busiest(usage: readonly Usage[]): string {
  const others = usage.find(({ name }) => name === OTHERS)?.all ?? 0;
  if (sumOf(usage) >= availableParallelism() * 88) return others >= 20 ? `all cores (${others} % others)` : "all cores";
  const [first] = usage.toSorted((left, right) => right.loop - left.loop);
  return first === undefined ? "" : `${first.name} ${first.loop} % (${first.all} %)`;
}

/** Nothing where what it is of was not measured. */
function judge(row: Row, target: Target): JudgedTarget[] {
  const judged = { ours: row.ours.figure.median, bare: row.bare?.ratio, "Socket.IO": bestSocketIo(row)?.ratio }[
    target.of
  ];
  if (judged === undefined) return [];
  return [{ ...target, isMet: target.is === "at least" ? judged >= target.value : judged <= target.value }];
}

function sideOf({ values, usage, sent, lost }: Samples): Side {
  return {
    figure: { median: median(values), low: Math.min(...values), high: Math.max(...values) },
    ...(usage.length === 0 ? {} : { usage: meanUsage(usage) }),
    ...(sent === 0 ? {} : { sent, lost }),
  };
}

function meanUsage(rounds: readonly (readonly Usage[])[]): Usage[] {
  const [first = []] = rounds;
  return first.map(({ name }) => {
    const own = rounds.flatMap((round) => round.filter((each) => each.name === name));
    return {
      name,
      loop: Math.round(mean(own.map(({ loop }) => loop))),
      all: Math.round(mean(own.map(({ all }) => all))),
    };
  });
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}
