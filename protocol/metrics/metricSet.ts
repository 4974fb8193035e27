import { Counter, Gauge, Registry } from "prom-client";
import { Latency } from "./latency.ts";
import type { Series } from "./series.ts";

/** What a metric is called and what it says. Names begin with `yonexus_` and end with their unit, counters with `_total`. */
export interface MetricHead {
  readonly name: `yonexus_${string}`;
  readonly help: string;
}

/** A number that only grows, for each of its series. */
export interface Counts<Key extends string> {
  add(key: Key, by?: number): void;
}

/** What a gauge reads: undefined where it is not known now, and then it is not told. */
export type Readings<Key extends string> = Readonly<Partial<Record<Key, number | undefined>>>;

/**
 * The metrics of one process, or of one of several in a process: nothing of it is global. Every series is named when its metric
 * is made, so that nothing that comes from outside can become one, and all are told from the start, at zero. Counting is an
 * addition to a number; the text is made when somebody asks for it.
 */
export class MetricSet {
  readonly #registry = new Registry();

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** All metrics in Prometheus' text format. */
  async text(): Promise<string> {
    return this.#registry.metrics();
  }

  counter<Key extends string>(head: MetricHead, series: Series<Key>): Counts<Key> {
    const counts = new Map<Key, number>(keysOf(series).map((key) => [key, 0]));
    const counter = new Counter({
      ...head,
      labelNames: labelNamesOf(series),
      registers: [this.#registry],
      collect: () => {
        counter.reset();
        for (const [key, count] of counts) counter.inc(series[key], count);
      },
    });
    return { add: (key, by = 1) => void counts.set(key, (counts.get(key) ?? 0) + by) };
  }

  /** @param read asked whenever somebody asks for the text: quick, or what was found out before; undefined when nothing is known. */
  gauge<Key extends string>(head: MetricHead, series: Series<Key>, read: () => Readings<Key> | undefined): void {
    const gauge = new Gauge({
      ...head,
      labelNames: labelNamesOf(series),
      registers: [this.#registry],
      collect: () => {
        gauge.reset();
        const readings = read();
        for (const key of keysOf(series)) {
          const value = readings?.[key];
          if (value === undefined) gauge.remove(series[key]);
          else gauge.set(series[key], value);
        }
      },
    });
  }

  /** Like `gauge`, of something that only grows and is counted elsewhere. */
  total<Key extends string>(head: MetricHead, series: Series<Key>, read: () => Readings<Key>): void {
    const counter = new Counter({
      ...head,
      labelNames: labelNamesOf(series),
      registers: [this.#registry],
      collect: () => {
        counter.reset();
        const readings = read();
        for (const key of keysOf(series)) counter.inc(series[key], readings[key] ?? 0);
      },
    });
  }

  /** A histogram of times in seconds. @param bounds upper ones, ascending. */
  latency<Key extends string>(head: MetricHead, series: Series<Key>, bounds: readonly number[]): Latency<Key> {
    const latency = new Latency(head, labelNamesOf(series), series, bounds);
    this.#registry.registerMetric(latency);
    return latency;
  }
}

function keysOf<Key extends string>(series: Series<Key>): Key[] {
  return Object.keys(series) as Key[];
}

function labelNamesOf(series: Series<string>): string[] {
  return [...new Set(Object.values(series).flatMap((labels) => Object.keys(labels)))];
}
