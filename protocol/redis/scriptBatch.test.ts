import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type BatchGroup, ScriptBatch } from "./scriptBatch.ts";

interface Call {
  readonly groups: readonly BatchGroup<string>[];
  /** Answers each item with itself in capitals. */
  answer(): void;
  fail(error: Error): void;
}

function batchOf(options: { oneFollower?: boolean } = {}) {
  const calls: Call[] = [];
  const batch = new ScriptBatch<string, string>({
    oneFollower: options.oneFollower ?? false,
    sizeOf: (item) => Number(item) || 1,
    run: (groups) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      calls.push({ groups, answer: resolve, fail: reject });
      return groups.map(async ({ items }) => promise.then(() => items.map((item) => item.toUpperCase())));
    },
  });
  return { batch, calls };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const itemsOf = ({ groups }: Call) => groups.map(({ identifier, items }) => `${identifier}: ${items.join(" ")}`);

describe("a batch", () => {
  it("makes one call of all items of a turn, by follower and in their order", async () => {
    const { batch, calls } = batchOf();
    const answers = Promise.all([batch.add("a", "x"), batch.add("b", "y"), batch.add("a", "z")]);
    await turn();
    expect(calls.map(itemsOf)).toEqual([["a: x z", "b: y"]]);
    calls[0]?.answer();
    expect(await answers).toEqual(["X", "Y", "Z"]);
  });

  it("sends the next items of a follower when those before were answered, and does not make others wait for it", async () => {
    const { batch, calls } = batchOf();
    const first = batch.add("a", "x");
    await turn();
    const later = Promise.all([batch.add("a", "y"), batch.add("b", "z")]);
    await turn();
    expect(calls.map(itemsOf)).toEqual([["a: x"], ["b: z"]]);
    calls[0]?.answer();
    await first;
    await turn();
    expect(calls.map(itemsOf)).toEqual([["a: x"], ["b: z"], ["a: y"]]);
    for (const call of calls) call.answer();
    expect(await later).toEqual(["Y", "Z"]);
  });

  it("makes one call for each follower on a Redis Cluster", async () => {
    const { batch, calls } = batchOf({ oneFollower: true });
    for (const follower of ["a", "b", "a"]) void batch.add(follower, follower);
    await turn();
    expect(calls.map(itemsOf)).toEqual([["a: a a"], ["b: b"]]);
  });

  it("whose call fails fails the items of that call alone, and goes on with the next", async () => {
    const { batch, calls } = batchOf();
    const failing = batch.add("a", "x");
    await turn();
    const waiting = batch.add("a", "y");
    const other = batch.add("b", "z");
    await turn();
    calls[0]?.fail(new Error("no answer"));
    await expect(failing).rejects.toThrow("no answer");
    await turn();
    for (const call of calls.slice(1)) call.answer();
    expect(await Promise.all([waiting, other])).toEqual(["Y", "Z"]);
  });

  it("is answered item by item in bounded calls, whatever is added", async () => {
    const additions = fc.array(fc.tuple(fc.constantFrom("a", "b", "c"), fc.constantFrom(1, 10, 300_000, 600_000)), {
      maxLength: 400,
    });
    await fc.assert(
      fc.asyncProperty(additions, async (added) => {
        const { batch, calls } = batchOf();
        const seen = new Map<string, number[]>();
        const answers = added.map(async ([follower, length], index) =>
          batch.add(follower, String(length)).then(() => seen.set(follower, [...(seen.get(follower) ?? []), index])),
        );
        await turn();
        for (const call of calls) {
          const items = call.groups.flatMap((group) => group.items);
          expect(items.length).toBeGreaterThan(0);
          expect(items.length).toBeLessThanOrEqual(128);
          if (items.length > 1) expect(items.reduce((sum, item) => sum + Number(item), 0)).toBeLessThanOrEqual(500_000);
          call.answer();
          await turn();
          await turn();
        }
        await Promise.all(answers);
        for (const indexes of seen.values()) expect(indexes).toEqual(indexes.toSorted((one, other) => one - other));
      }),
      { numRuns: 50 },
    );
  });
});
