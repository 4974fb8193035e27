import fc from "fast-check";
import { expect, test } from "vitest";
import { BACKOFF_FLOOR_MS, backoffMs, LONGEST_RETRY_AFTER_MS, retryAfterMs } from "./backoff.ts";

const bounds = { minMs: 500, maxMs: 30_000 };
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test("the wait lies between the floor and a ceiling that doubles with every attempt up to the greatest", () => {
  const ceilings = [0, 1, 2, 5, 6, 40].map((attempt) => backoffMs(bounds, attempt, 1));
  expect(ceilings).toEqual([500, 1_000, 2_000, 16_000, 30_000, 30_000]);
  fc.assert(
    fc.property(fc.nat(1_000), random, (attempt, share) => {
      const wait = backoffMs(bounds, attempt, share);
      expect(wait).toBeGreaterThanOrEqual(BACKOFF_FLOOR_MS);
      expect(wait).toBeLessThanOrEqual(Math.min(30_000, 500 * 2 ** Math.min(attempt, 10)));
    }),
  );
});

test("the jitter is full: it reaches down to the floor however many attempts there were", () => {
  expect(backoffMs(bounds, 20, 0)).toBe(BACKOFF_FLOOR_MS);
  expect(backoffMs(bounds, 20, 0.5)).toBe(15_000);
});

test("Retry-After is waited out in full, with the jitter on top, up to five minutes", () => {
  expect(backoffMs(bounds, 0, 0, 7_000)).toBe(7_000);
  expect(backoffMs(bounds, 3, 0.5, 7_000)).toBe(9_000);
  expect(backoffMs(bounds, 0, 0, 1e12)).toBe(LONGEST_RETRY_AFTER_MS);
  expect(backoffMs(bounds, 0, 0, -5)).toBe(BACKOFF_FLOOR_MS);
});

test("what was told the same whole second to come back is spread over a second at least", () => {
  expect(backoffMs(bounds, 0, 0.5, 7_000)).toBe(7_500);
  expect(backoffMs({ minMs: 1, maxMs: 1 }, 5, 0.999, 1_000)).toBe(1_999);
});

test("Retry-After is read as seconds or as an HTTP date; anything else says nothing", () => {
  const now = Date.parse("Wed, 21 Oct 2015 07:28:00 GMT");
  expect(retryAfterMs("7", now)).toBe(7_000);
  expect(retryAfterMs("Wed, 21 Oct 2015 07:28:09 GMT", now)).toBe(9_000);
  expect(retryAfterMs("Wed, 21 Oct 2015 07:00:00 GMT", now)).toBe(0);
  for (const nonsense of [undefined, "", "soon", "-3", "1.5", "99999999999"]) {
    expect(retryAfterMs(nonsense, now)).toBeUndefined();
  }
});
