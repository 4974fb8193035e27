import { expect, it } from "vitest";
import { RecentChanges } from "./recentChanges.ts";

it("the followers that changed last come first, each once, by its last change", () => {
  const recent = new RecentChanges();
  recent.note("a", 1);
  recent.note("b", 2);
  recent.note("a", 3);
  recent.note("c", 2);
  // What is told late changes nothing.
  recent.note("a", 1);
  expect(recent.list()).toEqual([
    { identifier: "a", at: 3 },
    { identifier: "b", at: 2 },
    { identifier: "c", at: 2 },
  ]);
});

it("of many changes the newest are kept, and no more", () => {
  const recent = new RecentChanges(10);
  for (let at = 1; at <= 1_000; at += 1) recent.note(`f${(at * 7) % 503}`, at);
  expect(recent.list().map(({ at }) => at)).toEqual([1_000, 999, 998, 997, 996, 995, 994, 993, 992, 991]);
});
