import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { numberText } from "./words.tsx";

interface Line {
  readonly name: string;
  readonly values: readonly (number | null)[];
}

interface Props {
  readonly title: string;
  /** Unix seconds. */
  readonly times: readonly number[];
  readonly lines: readonly Line[];
}

const HEIGHT = 130;
/** Samples come every 5 s: after a longer pause the line is broken (s). */
const GAP_S = 12;
const DARK = matchMedia("(prefers-color-scheme: dark)");

/** A line over the last minutes. What it shows last, or under the pointer, stands in words beside its title. */
export function Chart({ title, times, lines }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const [pointed, setPointed] = useState<number | null>(null);
  const [isDark, setDark] = useState(DARK.matches);
  const data = withGaps(times, lines);
  const latest = useRef(data);
  latest.current = data;
  const names = lines.map(({ name }) => name).join();

  useEffect(() => {
    const changed = () => setDark(DARK.matches);
    DARK.addEventListener("change", changed);
    return () => DARK.removeEventListener("change", changed);
  }, []);

  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const made = new uPlot(optionsOf(names.split(","), element.clientWidth, setPointed), latest.current, element);
    plot.current = made;
    const resized = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      made.destroy();
      plot.current = undefined;
    };
    // Its colours are read when it is made.
  }, [names, isDark]);

  useEffect(() => plot.current?.setData(data), [times.at(-1), times.length]);

  const [shownTimes] = data;
  const index = pointed ?? shownTimes.length - 1;
  const at = shownTimes[index];
  return (
    <figure class="chart">
      <figcaption>
        <span class="chart-title">{title}</span>
        <span class="chart-values">
          {lines.map(({ name }, line) => (
            <span key={name} class={`line-${line}`}>
              <span class="swatch" aria-hidden="true" /> {valueText(data[line + 1]?.[index])} {name}
            </span>
          ))}
          <span class="faint">{pointed === null || at === undefined ? "now" : clockText(at)}</span>
        </span>
      </figcaption>
      <div ref={place} class="plot" aria-hidden="true" />
    </figure>
  );
}

function valueText(value: number | null | undefined): string {
  return value === null || value === undefined ? "–" : numberText(value);
}

type Data = [number[], ...(number | null)[][]];

function withGaps(times: readonly number[], lines: readonly Line[]): Data {
  const shown: number[] = [];
  const values: (number | null)[][] = lines.map(() => []);
  times.forEach((time, index) => {
    const before = shown.at(-1);
    if (before !== undefined && time - before > GAP_S) {
      shown.push(before + GAP_S / 2);
      for (const each of values) each.push(null);
    }
    shown.push(time);
    for (const [place, line] of lines.entries()) values[place]?.push(line.values[index] ?? null);
  });
  return [shown, ...values];
}

function optionsOf(names: readonly string[], width: number, point: (index: number | null) => void): uPlot.Options {
  const colours = getComputedStyle(document.documentElement);
  const colour = (name: string) => colours.getPropertyValue(name).trim();
  const font = "11px system-ui, sans-serif";
  const axis = {
    stroke: colour("--faint"),
    font,
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
  };
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false } },
    hooks: { setCursor: [({ cursor }) => point(cursor.idx ?? null)] },
    scales: { y: { range: (_plot, _min, max) => [0, niceTop(max)] } },
    // What is on the axes stays short: the words are above.
    axes: [
      { ...axis, grid: { show: false }, space: 80, size: 26, values: (_plot, ticks) => ticks.map(clockText) },
      { ...axis, size: 46, space: 28, values: (_plot, ticks) => ticks.map((tick) => shortText(tick)) },
    ],
    series: [
      {},
      ...names.map((label, line) => ({
        label,
        stroke: colour(`--line-${line}`),
        width: 1.5,
        ...(line === 0 ? { fill: colour("--line-fill") } : {}),
        points: { show: false },
      })),
    ],
  };
}

/** @param at unix seconds. */
function clockText(at: number): string {
  return new Date(at * 1_000).toLocaleTimeString([], {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hour12: false,
  });
}

/** Nothing but zeros is a line at the bottom, not in the middle. */
function niceTop(max: number | null): number {
  return max === null || max <= 0 ? 1 : max * 1.15;
}

function shortText(value: number): string {
  if (value >= 1_000_000) return `${numberText(value / 1_000_000)}M`;
  return value >= 10_000 ? `${numberText(value / 1_000)}k` : numberText(value);
}
