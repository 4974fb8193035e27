import { Histogram } from "prom-client";
import type { Series } from "./series.ts";

interface Times {
  readonly labels: Readonly<Record<string, string>>;
  /** How many fell between a bound and the one before it; the last for what is over all bounds. */
  readonly counts: number[];
  sumMs: number;
}

interface Value {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly sharedLabels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Seconds, from what one Redis command takes to what a person would call an outage. */
export const LATENCY_BOUNDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

/**
 * A histogram of times that may be noted for each message: prom-client's own looks up its labels by text every time, which
 * costs more than the noting.
 */
export class Latency<Key extends string> extends Histogram<string> {
  readonly #head: { readonly name: string; readonly help: string };
  readonly #bounds: readonly number[];
  readonly #boundsMs: readonly number[];
  readonly #series: Record<Key, Times>;

  constructor(
    head: { readonly name: string; readonly help: string },
    labelNames: string[],
    series: Series<Key>,
    bounds: readonly number[],
  ) {
    super({ ...head, labelNames, buckets: [...bounds], registers: [] });
    this.#head = head;
    this.#bounds = bounds;
    this.#boundsMs = bounds.map((bound) => bound * 1000);
    const all = Object.entries<Readonly<Record<string, string>>>(series).map(([key, labels]) => [
      key,
      { labels, counts: Array.from({ length: bounds.length + 1 }, () => 0), sumMs: 0 } satisfies Times,
    ]);
    this.#series = Object.fromEntries(all) as Record<Key, Times>;
  }

  /** Notes a time in ms. One below zero, as clocks of several machines make, counts as zero. */
  note(key: Key, ms: number): void {
    const times = this.#series[key];
    const bounds = this.#boundsMs;
    let place = 0;
    while (place < bounds.length && ms > (bounds[place] ?? 0)) place += 1;
    times.counts[place] = (times.counts[place] ?? 0) + 1;
    if (ms > 0) times.sumMs += ms;
  }

  /** What prom-client asks for when it makes the text. */
  async getForPromString() {
    const values = Object.values<Times>(this.#series).flatMap((times) => this.#valuesOf(times));
    return { ...this.#head, type: "histogram", aggregator: "sum", values };
  }

  #valuesOf({ labels: sharedLabels, counts, sumMs }: Times): Value[] {
    const { name } = this.#head;
    let upToHere = 0;
    const buckets = counts.map((count, place): Value => {
      upToHere += count;
      const le = this.#bounds[place] ?? "+Inf";
      return { metricName: `${name}_bucket`, labels: { le }, sharedLabels, value: upToHere };
    });
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels: {}, sharedLabels, value: sumMs / 1000 },
      { metricName: `${name}_count`, labels: {}, sharedLabels, value: upToHere },
    ];
  }
}
