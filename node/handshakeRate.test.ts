import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HandshakeRate, MAX_RETRY_AFTER_S } from "./handshakeRate.ts";

const LIMITS = { handshakeRatePerSecond: 50, handshakeBurst: 10 };

/** How often each wait is drawn when so many are refused at once. */
function waits(count: number): Map<number, number> {
  const rate = new HandshakeRate(LIMITS, 0);
  const drawn = new Map<number, number>();
  for (let index = 0; index < count; index++) {
    const seconds = rate.retryAfterS(0, ((index * 7_919) % 1_000) / 1_000);
    drawn.set(seconds, (drawn.get(seconds) ?? 0) + 1);
  }
  return drawn;
}

describe("the wait of a refused handshake", () => {
  it("grows with how many were refused lately, and never beyond its bound", () => {
    expect(Math.max(...waits(40).keys())).toBe(1);
    expect(Math.max(...waits(200).keys())).toBe(4);
    expect(Math.max(...waits(100_000).keys())).toBe(MAX_RETRY_AFTER_S);
  });

  it("is spread: no second gets much more than its share of a herd", () => {
    const drawn = waits(100_000);
    expect([...drawn.keys()].toSorted((one, other) => one - other)).toEqual(
      Array.from({ length: MAX_RETRY_AFTER_S }, (_, index) => index + 1),
    );
    for (const count of drawn.values()) expect(count).toBeLessThan((100_000 / MAX_RETRY_AFTER_S) * 1.2);
  });

  it("is short again once the herd could be taken", () => {
    const rate = new HandshakeRate(LIMITS, 0);
    for (let count = 0; count < 10_000; count++) rate.retryAfterS(0, 0);
    expect(rate.retryAfterS(0, 0.999)).toBe(MAX_RETRY_AFTER_S);
    expect(rate.retryAfterS(10_000, 0.999)).toBe(6);
    expect(rate.retryAfterS(16_000, 0.999)).toBe(1);
  });

  it("is a whole number of seconds from 1 to its bound, whatever the rate, the clock and the draw", () => {
    const step = fc.record({
      after: fc.integer({ min: -100, max: 60_000 }),
      random: fc.double({ min: 0, max: 0.999, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), fc.array(step), (handshakeRatePerSecond, steps) => {
        const rate = new HandshakeRate({ handshakeRatePerSecond, handshakeBurst: 1 }, 0);
        let now = 0;
        for (const { after, random } of steps) {
          now += after;
          const seconds = rate.retryAfterS(now, random);
          expect(Number.isInteger(seconds) && seconds >= 1 && seconds <= MAX_RETRY_AFTER_S).toBe(true);
        }
      }),
    );
  });
});
