import { expect, test } from "vitest";
import { ManualClock } from "../../test/support/manualClock.ts";
import { SilenceWatch } from "./silenceWatch.ts";

function watched(timeoutMs: number) {
  const clock = new ManualClock();
  const told: string[] = [];
  const watch = new SilenceWatch(
    clock,
    timeoutMs,
    () => told.push("probe"),
    () => told.push("silent"),
  );
  watch.start();
  return { clock, told, watch };
}

test("a silent link is asked for a sign of life first, and given up at the timeout, once", () => {
  const { clock, told } = watched(75_000);
  clock.advance(29_000);
  expect(told).toEqual([]);
  clock.advance(45_000);
  expect(told).toEqual(["probe"]);
  clock.advance(2_000);
  expect(told).toEqual(["probe", "silent"]);
  clock.advance(1_000_000);
  expect(told).toEqual(["probe", "silent"]);
  expect(clock.pending).toEqual([]);
});

test("whatever is heard starts the silence anew", () => {
  const { clock, told, watch } = watched(75_000);
  for (let ping = 0; ping < 20; ping += 1) {
    clock.advance(30_000);
    watch.heard();
  }
  expect(told).not.toContain("silent");
});

test("a stopped watch tells nothing, and its timer never keeps the process running", () => {
  const { clock, told, watch } = watched(75_000);
  expect(clock.pending.every((timer) => !timer.keepAlive)).toBe(true);
  watch.stop();
  clock.advance(1_000_000);
  expect(told).toEqual([]);
});
