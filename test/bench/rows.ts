import { availableParallelism } from "node:os";
import { OTHERS, type Usage } from "./processUsage.ts";
import { median } from "./statistics.ts";

/** Of all rounds. */
export interface Figure {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

interface Target {
  readonly is: "at least" | "at most";
  readonly of: "ratio" | "ours";
  readonly value: number;
}

/** One line of the result: ours, beside what was measured in the same rounds without any of it. */
export interface Row {
  readonly measure: string;
  readonly unit: string;
  readonly ours: Figure;
  readonly bare?: Figure;
  /** The median of the rounds' own ratios. */
  readonly ratio?: number;
  readonly target?: Target;
  readonly isMet?: boolean;
  /** How busy the processes were, ours and bare. */
  readonly usage?: readonly Usage[];
  readonly bareUsage?: readonly Usage[];
  readonly note?: string;
}

export interface RowParts {
  readonly measure: string;
  readonly unit: string;
  /** One value a round. */
  readonly ours: readonly number[];
  /** One value a round, from the same rounds. */
  readonly bare?: readonly number[];
  readonly target?: Target;
  readonly usage?: readonly (readonly Usage[])[];
  readonly bareUsage?: readonly (readonly Usage[])[];
  readonly note?: string;
}

export function makeRow({ measure, unit, ours, bare, target, usage, bareUsage, note }: RowParts): Row {
  const ratio =
    bare === undefined ? undefined : median(ours.map((value, round) => value / (bare[round] ?? Number.NaN)));
  const judged = target?.of === "ours" ? median(ours) : ratio;
  return {
    measure,
    unit,
    ours: figure(ours),
    ...(bare === undefined ? {} : { bare: figure(bare) }),
    ...(ratio === undefined ? {} : { ratio }),
    ...(target === undefined || judged === undefined
      ? {}
      : { target, isMet: target.is === "at least" ? judged >= target.value : judged <= target.value }),
    ...(usage === undefined ? {} : { usage: meanUsage(usage) }),
    ...(bareUsage === undefined ? {} : { bareUsage: meanUsage(bareUsage) }),
    ...(note === undefined ? {} : { note }),
  };
}

/** Processor time for one of what a row counts a second (µs), by process: it says the same on a busy machine. */
export function costs({ unit }: Row, perSecond: Figure, usage: readonly Usage[]): Usage[] {
  if (unit !== "1/s") return [];
  const each = (percent: number) => (percent * 1e4) / perSecond.median;
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

function figure(values: readonly number[]): Figure {
  return { median: median(values), low: Math.min(...values), high: Math.max(...values) };
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
