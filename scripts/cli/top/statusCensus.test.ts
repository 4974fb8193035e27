import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CountedFollower, StatusCensus } from "./statusCensus.ts";

const STATUSES = ["online", "unstable", "offline"] as const;
type Status = (typeof STATUSES)[number];

function counted(identifier: string, status: Status, more: Partial<CountedFollower> = {}): CountedFollower {
  return { identifier, status, allowed: true, paired: true, waiting: 0, deadLetters: 0, ...more };
}

describe("the census", () => {
  it("sums a page at a time, and says when all were counted", () => {
    const census = new StatusCensus();
    expect(census).toMatchObject({ cursor: undefined, isComplete: false });
    census.addPage([counted("a", "online"), counted("b", "offline", { waiting: 3, deadLetters: 2 })], "b");
    expect(census).toMatchObject({ cursor: "b", isComplete: false });
    expect(census.counts).toMatchObject({
      online: 1,
      offline: 1,
      counted: 2,
      waiting: 3,
      withQueue: 1,
      deadLetters: 2,
    });
    census.addPage([counted("c", "unstable", { allowed: false, paired: false })], undefined);
    expect(census).toMatchObject({ cursor: undefined, isComplete: true });
    expect(census.counts).toMatchObject({ online: 1, unstable: 1, offline: 1, counted: 3, paired: 2, notAllowed: 1 });
  });

  it("keeps the sums of the last lap while the next one is under way", () => {
    const census = new StatusCensus();
    census.addPage([counted("a", "online"), counted("b", "online")], undefined);
    census.addPage([counted("a", "offline")], "a");
    expect(census.counts).toMatchObject({ online: 2, counted: 2 });
  });

  it("moves who changes between the sums, but for those that the lap did not come to yet", () => {
    const census = new StatusCensus();
    census.addPage([counted("a", "online"), counted("b", "online")], "b");
    census.change("a", "online", "offline");
    census.change("z", "online", "offline");
    expect(census.counts).toMatchObject({ online: 1, offline: 1, counted: 2 });
  });

  it("never counts below nothing when a change is told that the page knew already", () => {
    const census = new StatusCensus();
    census.addPage([counted("a", "offline")], undefined);
    census.change("a", "online", "offline");
    expect(census.counts).toMatchObject({ online: 0, offline: 1 });
  });

  it("is right about every status whenever a lap ends, whatever changed between its pages", () => {
    const step = fc.record({
      who: fc.nat(11),
      status: fc.constantFrom(...STATUSES),
      page: fc.integer({ min: 1, max: 5 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const census = new StatusCensus();
        const names = Array.from({ length: 12 }, (_, index) => `f${String.fromCharCode(97 + index)}`);
        const truth = new Map<string, Status>(names.map((name) => [name, "offline"]));
        let laps = 0;
        for (const { who, status, page } of steps) {
          const name = names[who] ?? "";
          const previous = truth.get(name) ?? "offline";
          truth.set(name, status);
          if (status !== previous) census.change(name, previous, status);
          const rest = names.filter((each) => census.cursor === undefined || each > census.cursor);
          const read = rest.slice(0, page);
          const isLast = rest.length < page;
          census.addPage(
            read.map((each) => counted(each, truth.get(each) ?? "offline")),
            isLast ? undefined : read.at(-1),
          );
          if (!isLast) continue;
          laps += 1;
          const sums = { online: 0, unstable: 0, offline: 0 };
          for (const each of truth.values()) sums[each] += 1;
          expect(census.counts).toMatchObject({ ...sums, counted: 12 });
        }
        return laps >= 0;
      }),
    );
  });
});
