import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InboundRate } from "./inboundRate.ts";
import { TokenBucket } from "./tokenBucket.ts";

/** Gaps between frames (ms). */
const anyGaps = fc.array(fc.nat({ max: 400 }), { minLength: 1, maxLength: 200 });

describe("a token bucket", () => {
  it("lets a burst through at once, and no more", () => {
    const bucket = new TokenBucket(50, 100, 0);
    expect(Array.from({ length: 150 }, () => bucket.take(0)).filter(Boolean)).toHaveLength(100);
  });

  it("never lets more through in any span than the burst and the rate over that span", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 20 }), anyGaps, (rate, burst, gaps) => {
        const bucket = new TokenBucket(rate, burst, 0);
        let now = 0;
        const taken: number[] = [];
        for (const gap of gaps) {
          now += gap;
          if (bucket.take(now)) taken.push(now);
        }
        for (const [from, start] of taken.entries()) {
          for (const [to, end] of taken.entries()) {
            if (to < from) continue;
            expect(to - from + 1).toBeLessThanOrEqual(burst + ((end - start) * rate) / 1000 + 1e-6);
          }
        }
      }),
      { numRuns: 100 },
    );
  });

  it("refuses only what is over the rate: a model that counts whole tokens agrees", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), anyGaps, (burst, gaps) => {
        // One token each 10 ms, so that the model is exact.
        const bucket = new TokenBucket(100, burst, 0);
        let [now, tokens] = [0, burst];
        for (const gap of gaps.map((each) => each * 10)) {
          now += gap;
          tokens = Math.min(burst, tokens + gap / 10);
          expect(bucket.take(now)).toBe(tokens >= 1);
          tokens = tokens >= 1 ? tokens - 1 : tokens;
        }
      }),
    );
  });

  it("is not refilled by a clock that goes back", () => {
    const bucket = new TokenBucket(1, 1, 1_000);
    expect([bucket.take(1_000), bucket.take(0), bucket.take(500)]).toEqual([true, false, false]);
  });
});

describe("the rate of a follower", () => {
  const verdicts = (ratePerSecond: number, seconds: number) => {
    const rate = new InboundRate(50, 100, 0);
    return Array.from({ length: ratePerSecond * seconds }, (_, index) => rate.count((index * 1000) / ratePerSecond));
  };

  it("at or below the limit is within it for ever", () => {
    expect(new Set(verdicts(50, 60))).toEqual(new Set(["within"]));
  });

  it("somewhat over the limit is told, and not far over it", () => {
    expect(new Set(verdicts(75, 60))).toEqual(new Set(["within", "over"]));
  });

  it.each([200, 1_000, 10_000])("of %i frames a second, kept up, is far over it within seconds", (perSecond) => {
    const counted = verdicts(perSecond, 3);
    expect(counted).toContain("farOver");
    expect(counted.indexOf("over")).toBeLessThan(counted.indexOf("farOver"));
  });

  it("forgives one that slows down when it is told", () => {
    const rate = new InboundRate(50, 100, 0);
    for (let count = 0; count < 180; count++) rate.count(0);
    for (let count = 0; count < 200; count++) expect(rate.count(1_000 + count * 40)).toBe("within");
    for (let count = 0; count < 180; count++) expect(rate.count(20_000)).not.toBe("farOver");
  });
});
