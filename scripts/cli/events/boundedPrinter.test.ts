import { expect, it } from "vitest";
import { BoundedPrinter } from "./boundedPrinter.ts";

/** A reader that takes a line when it is told to. */
function slowReader(maxWaiting: number) {
  const printed: string[] = [];
  const leftOut: number[] = [];
  const taken: (() => void)[] = [];
  const printer = new BoundedPrinter(
    {
      print: (line) => {
        printed.push(line);
        return new Promise((resolve) => taken.push(resolve));
      },
      onLeftOut: (count) => leftOut.push(count),
    },
    maxWaiting,
  );
  return { printer, printed, leftOut, taken };
}

it("lines are printed in order, one when the one before was taken", async () => {
  const { printer, printed, taken, leftOut } = slowReader(10);
  for (const line of ["a", "b", "c"]) printer.add(line);
  expect(printed).toEqual(["a"]);
  for (const line of ["a", "b", "c"]) {
    await Promise.resolve();
    expect(printed.at(-1)).toBe(line);
    taken.shift()?.();
    await Promise.resolve();
  }
  await printer.drained();
  expect(printed).toEqual(["a", "b", "c"]);
  expect(leftOut).toEqual([]);
});

it("what comes on top of what may wait is left out and counted, and told when the reader caught up", async () => {
  const { printer, printed, taken, leftOut } = slowReader(2);
  for (const line of ["a", "b", "c", "d", "e"]) printer.add(line);
  const drained = printer.drained();
  while (printed.length < 3) {
    taken.shift()?.();
    await Promise.resolve();
  }
  taken.shift()?.();
  await drained;
  expect(printed).toEqual(["a", "b", "c"]);
  expect(leftOut).toEqual([2]);
});
