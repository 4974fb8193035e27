import { describe, expect, it } from "vitest";
import { HandledMessages } from "./handledMessages.ts";

const item = (n: number) => ({ id: String(n), identifier: "alice" });
const items = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => item(from + index));

describe("handled messages", () => {
  it("are sent in batches, each once, and again when they are put back", () => {
    const handled = new HandledMessages();
    for (const each of items(0, 5)) handled.add(each);
    const [first, second, ...more] = handled.batches(3);
    expect([first, second, more]).toEqual([items(0, 3), items(3, 5), []]);
    handled.putBack(first ?? []);
    handled.confirm(second ?? []);
    expect([...handled.batches(3)]).toEqual([items(0, 3)]);
    expect([...handled.batches(3)]).toEqual([]);
  });

  it("are known before and after their ack; of those acked the last 1,024 are", () => {
    const handled = new HandledMessages();
    for (const each of items(0, 2_000)) {
      expect(handled.has(each.id)).toBe(false);
      handled.add(each);
      expect(handled.has(each.id)).toBe(true);
    }
    for (const batch of handled.batches(256)) {
      expect(batch.every(({ id }) => handled.has(id))).toBe(true);
      handled.confirm(batch);
    }
    expect(items(0, 2_000).filter(({ id }) => handled.has(id))).toEqual(items(976, 2_000));
    // What Redis gives again is acked again.
    handled.add(item(1_999));
    expect([...handled.batches(256)]).toEqual([[item(1_999)]]);
  });
});
