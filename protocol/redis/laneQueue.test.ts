import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type LaneItem, LaneQueue } from "./laneQueue.ts";

const item = (identifier: string, n: number): LaneItem => ({ id: `${identifier}-${n}`, identifier });

describe("a lane queue", () => {
  it("begins the messages of one follower one after the other, and those of others meanwhile", () => {
    const queue = new LaneQueue(2, 100);
    for (const each of [item("a", 1), item("a", 2), item("b", 1), item("c", 1)]) queue.add(each);
    expect([queue.begin(), queue.begin(), queue.begin()]).toEqual([item("a", 1), item("b", 1), undefined]);
    queue.finish("a");
    // Carol waited longer than Alice's second.
    expect([queue.begin(), queue.begin()]).toEqual([item("c", 1), undefined]);
    queue.finish("b");
    expect(queue.begin()).toEqual(item("a", 2));
  });

  it("lets a lane that waits for its next try keep its place, and nobody else's", () => {
    const queue = new LaneQueue<LaneItem & { tries?: number }>(1, 100);
    for (const each of [item("a", 1), item("a", 2), item("b", 1)]) queue.add(each);
    queue.begin();
    expect(queue.room.lanes).toBe(0);
    queue.pause("a", { ...item("a", 1), tries: 1 });
    expect(queue.begin()).toEqual(item("b", 1));
    queue.finish("b");
    expect([queue.begin(), queue.room.lanes]).toEqual([undefined, 1]);
    queue.resume("a");
    expect(queue.begin()).toEqual({ ...item("a", 1), tries: 1 });
    queue.finish("a");
    expect(queue.begin()).toEqual(item("a", 2));
  });

  it("takes a message once, also while it is handled", () => {
    const queue = new LaneQueue(1, 100);
    queue.add(item("a", 1));
    queue.begin();
    queue.add(item("a", 1));
    queue.finish("a");
    expect([queue.begin(), queue.room]).toEqual([undefined, { lanes: 1, messages: 100 }]);
  });

  it("drops all but what is handled: that still stands before what comes next of its follower", () => {
    const queue = new LaneQueue(3, 100);
    for (const each of [item("a", 1), item("a", 2), item("b", 1), item("c", 1), item("d", 1)]) queue.add(each);
    for (let begun = 0; begun < 3; begun++) queue.begin();
    queue.pause("b", item("b", 1));
    queue.drop((id) => id === "c-1");
    expect(queue.room).toEqual({ lanes: 1, messages: 98 });
    queue.resume("b");
    queue.add(item("a", 2));
    queue.add(item("e", 1));
    expect([queue.begin(), queue.begin()]).toEqual([item("e", 1), undefined]);
    queue.finish("a");
    expect(queue.begin()).toEqual(item("a", 2));
  });

  it("never begins two of a follower, more than it may, or one before another, whatever comes between", () => {
    const follower = fc.constantFrom("a", "b", "c", "d", "e");
    const step = fc.oneof(
      fc.record({ do: fc.constant("add" as const), follower }),
      fc.record({ do: fc.constantFrom("finish" as const, "pause" as const, "resume" as const), follower }),
      fc.record({ do: fc.constantFrom("begin" as const, "drop" as const, "keep" as const), follower }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3 }), fc.array(step, { maxLength: 200 }), (concurrency, steps) => {
        const queue = new LaneQueue(concurrency, 1_000);
        const lanes = new Map<string, number[]>();
        const state = new Map<string, "running" | "waiting">();
        let next = 0;
        const isRunning = () => [...state.values()].filter((each) => each === "running").length;
        for (const { do: what, follower: name } of steps) {
          const lane = lanes.get(name) ?? [];
          lanes.set(name, lane);
          switch (what) {
            case "add":
              lane.push(next);
              queue.add(item(name, next++));
              break;
            case "begin": {
              const begun = queue.begin();
              const ready = [...lanes].filter(([each, waiting]) => waiting.length > 0 && !state.has(each));
              expect(begun === undefined).toBe(isRunning() >= concurrency || ready.length === 0);
              if (begun === undefined) break;
              expect(state.has(begun.identifier)).toBe(false);
              expect(begun).toEqual(item(begun.identifier, lanes.get(begun.identifier)?.[0] ?? -1));
              state.set(begun.identifier, "running");
              break;
            }
            case "finish":
              if (state.get(name) !== "running") break;
              state.delete(name);
              lane.shift();
              queue.finish(name);
              break;
            case "pause":
              if (state.get(name) !== "running") break;
              state.set(name, "waiting");
              queue.pause(name, item(name, lane[0] ?? -1));
              break;
            case "resume":
              if (state.get(name) === "waiting") state.delete(name);
              queue.resume(name);
              break;
            case "drop":
            case "keep": {
              const keeps = (n: number) => what === "keep" && n % 2 === 0;
              queue.drop((id) => keeps(Number(id.split("-")[1])));
              for (const [each, all] of lanes) {
                const [first] = all;
                const kept = all.filter((n) => (n === first && state.get(each) === "running") || keeps(n));
                if (kept[0] !== first) state.delete(each);
                lanes.set(each, kept);
              }
              break;
            }
          }
          const busy = [...lanes].filter(([each, all]) => all.length > 0 && state.get(each) !== "waiting").length;
          expect(queue.running).toBe(isRunning());
          expect(queue.room).toEqual({
            lanes: Math.max(0, concurrency - busy),
            messages: 1_000 - [...lanes.values()].flat().length,
          });
        }
      }),
      { numRuns: 500 },
    );
  });
});
