import { expect, test } from "vitest";
import { clockOffset } from "./clockOffset.ts";

const second = 1_790_000_000;
const ms = second * 1000;

test("a clock that agrees with the node's stands as it is", () => {
  expect(clockOffset(second, ms + 100, ms + 300, "mended")).toBe(0);
  expect(clockOffset(second, ms - 1_900, ms - 1_800, "mended")).toBe(0);
  expect(clockOffset(second, ms + 2_900, ms + 2_950, "mended")).toBe(0);
});

test("a slow answer is not taken for a wrong clock", () => {
  expect(clockOffset(second, ms + 500, ms + 9_000, "mended")).toBe(0);
});

test("a clock that is minutes off is mended to within a second of the node's", () => {
  const ahead = clockOffset(second, ms + 300_000, ms + 300_040, "mended");
  expect(Math.abs(ms + 300_040 + ahead - ms)).toBeLessThan(1_000);
  const behind = clockOffset(second, ms - 300_000, ms - 299_960, "mended");
  expect(Math.abs(ms - 299_960 + behind - ms)).toBeLessThan(1_000);
});

test("after a refused timestamp the node's clock is taken in any case", () => {
  expect(clockOffset(second, ms - 500, ms + 8_000, "node")).toBe(-7_500);
});

test("a node that tells no time leaves the own clock", () => {
  expect(clockOffset(undefined, ms, ms, "node")).toBe(0);
});
