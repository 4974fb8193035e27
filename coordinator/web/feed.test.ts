import { describe, expect, it } from "vitest";
import { Feed } from "./feed.ts";

const change = (identifier: string) =>
  ({ identifier, status: "online", previous: "offline", reason: "authenticated", at: 1 }) as const;

describe("the feed", () => {
  it("tells what came after a place, in order, and nothing twice", () => {
    const feed = new Feed(10);
    for (const name of ["a", "b", "c"]) feed.add(change(name));
    const { events, missed } = feed.after(1, 10);
    expect(events.map(({ identifier }) => identifier)).toEqual(["b", "c"]);
    expect(missed).toBe(0);
    expect(feed.after(feed.place, 10)).toEqual({ events: [], missed: 0 });
  });

  it("says how many a slow reader missed, and keeps no more than its limit", () => {
    const feed = new Feed(3);
    for (const name of ["a", "b", "c", "d", "e"]) feed.add(change(name));
    const { events, missed } = feed.after(0, 100);
    expect(events.map(({ identifier }) => identifier)).toEqual(["c", "d", "e"]);
    expect(missed).toBe(2);
  });

  it("tells the newest when there are more than a reader takes", () => {
    const feed = new Feed(10);
    for (const name of ["a", "b", "c"]) feed.add(change(name));
    expect(feed.after(0, 1)).toMatchObject({ events: [{ identifier: "c", seq: 3 }], missed: 2 });
  });
});
