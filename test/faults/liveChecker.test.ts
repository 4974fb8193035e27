import { describe, expect, it } from "vitest";
import { checkLive, type LiveMessage } from "./liveChecker.ts";

const message = (n: number, answer: string, toldAt = n * 10_000): LiveMessage => ({ follower: "f", n, answer, toldAt });
const handled = (...numbers: number[]) => numbers.map((n) => ({ follower: "f", n }));

describe("The checker of live messages", () => {
  it("counts what senders were told, so that it adds up", () => {
    const messages = ["delivered", "offline", "overloaded", "timeout", "delivered"].map((answer, n) =>
      message(n, answer),
    );
    expect(checkLive(messages, handled(0, 3, 4), [])).toEqual({
      sent: 5,
      delivered: 2,
      refused: 2,
      unknown: 1,
      cutOff: 0,
      lies: 0,
      handledThoughRefused: 0,
      handledTwice: 0,
    });
  });

  it("calls a message that was told as delivered and is missing a lie, unless its link was cut then", () => {
    const messages = [message(0, "delivered"), message(1, "delivered"), message(2, "delivered")];
    const outages = [
      { follower: "f", from: 10_500, to: 12_500 },
      { follower: "another", from: 19_000, to: 21_000 },
    ];
    const { cutOff, lies } = checkLive(messages, handled(0), outages);
    expect([cutOff, lies]).toEqual([1, 1]);
  });

  it("finds what was refused and came all the same, and what came twice", () => {
    const verdict = checkLive([message(0, "offline"), message(1, "delivered")], handled(0, 1, 1), []);
    expect([verdict.handledThoughRefused, verdict.handledTwice]).toEqual([1, 1]);
  });
});
