import { describe, expect, it } from "vitest";
import { byLabel, MetricSet, ONE } from "./index.ts";

/** The samples of a text, without comments. */
async function samplesOf(metrics: MetricSet): Promise<string[]> {
  return (await metrics.text()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
}

describe("a counter", () => {
  it("tells every series from the start, at zero, and then what was added", async () => {
    const metrics = new MetricSet();
    const counts = metrics.counter({ name: "yonexus_a_total", help: "a" }, byLabel("state", ["in", "out"]));
    expect(await samplesOf(metrics)).toEqual(['yonexus_a_total{state="in"} 0', 'yonexus_a_total{state="out"} 0']);
    counts.add("in");
    counts.add("in", 4);
    // Asked twice: what was told is not counted again.
    await metrics.text();
    expect(await samplesOf(metrics)).toEqual(['yonexus_a_total{state="in"} 5', 'yonexus_a_total{state="out"} 0']);
  });

  it("may have several labels a series", async () => {
    const metrics = new MetricSet();
    const series = { sent: { direction: "out", state: "sent" }, stored: { direction: "in", state: "stored" } };
    metrics.counter({ name: "yonexus_a_total", help: "a" }, series).add("stored");
    expect(await samplesOf(metrics)).toEqual([
      'yonexus_a_total{direction="out",state="sent"} 0',
      'yonexus_a_total{direction="in",state="stored"} 1',
    ]);
  });
});

describe("a gauge", () => {
  it("is read when it is asked for, and not told where it is not known", async () => {
    const metrics = new MetricSet();
    let value: number | undefined = 3;
    metrics.gauge({ name: "yonexus_a", help: "a" }, ONE, () => ({ one: value }));
    expect(await samplesOf(metrics)).toEqual(["yonexus_a 3"]);
    value = undefined;
    expect(await samplesOf(metrics)).toEqual([]);
    value = 0;
    expect(await samplesOf(metrics)).toEqual(["yonexus_a 0"]);
  });
});

describe("a histogram of times", () => {
  it("counts a time into its bound and all above, and sums up seconds", async () => {
    const metrics = new MetricSet();
    const latency = metrics.latency({ name: "yonexus_a_seconds", help: "a" }, byLabel("step", ["write"]), [0.001, 0.1]);
    for (const ms of [1, 50, 2_000, -5]) latency.note("write", ms);
    expect(await samplesOf(metrics)).toEqual([
      'yonexus_a_seconds_bucket{le="0.001",step="write"} 2',
      'yonexus_a_seconds_bucket{le="0.1",step="write"} 3',
      'yonexus_a_seconds_bucket{le="+Inf",step="write"} 4',
      'yonexus_a_seconds_sum{step="write"} 2.051',
      'yonexus_a_seconds_count{step="write"} 4',
    ]);
  });

  it("says what it is", async () => {
    const metrics = new MetricSet();
    metrics.latency({ name: "yonexus_a_seconds", help: "how long" }, ONE, [1]);
    expect(await metrics.text()).toContain("# HELP yonexus_a_seconds how long\n# TYPE yonexus_a_seconds histogram\n");
  });
});

describe("metrics of several processes in one", () => {
  it("know nothing of each other", async () => {
    const [one, other] = [new MetricSet(), new MetricSet()];
    one.counter({ name: "yonexus_a_total", help: "a" }, ONE).add("one");
    other.counter({ name: "yonexus_a_total", help: "a" }, ONE);
    expect([await samplesOf(one), await samplesOf(other)]).toEqual([["yonexus_a_total 1"], ["yonexus_a_total 0"]]);
  });
});
