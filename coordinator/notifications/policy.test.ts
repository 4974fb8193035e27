import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decideNotice, MIN_USEFUL_MS, type NoticeSituation } from "./policy.ts";

const situation: NoticeSituation = {
  tries: 1,
  maxTries: 8,
  remainingMs: 300_000,
  backoff: { baseMs: 4_000, capMs: 80_000 },
  random: 0.5,
};

describe("a notice that was not taken", () => {
  it.each([
    [401, undefined, "bot_token_refused"],
    [403, undefined, "forbidden"],
    [403, 50007, "admin_unreachable"],
    [400, 50007, "admin_unreachable"],
    [403, 50278, "admin_unreachable"],
    [403, 40003, "opening_too_fast"],
    [404, 10013, "admin_unknown"],
    [400, 50033, "admin_unknown"],
    [404, undefined, "request_refused"],
    [400, undefined, "request_refused"],
    [413, undefined, "request_refused"],
    [302, undefined, "request_refused"],
  ])("is given up at once on status %s with code %s", (status, discordCode, reason) => {
    const failure = { status, ...(discordCode === undefined ? {} : { discordCode }) };
    expect(decideNotice(failure, situation)).toEqual({ action: "giveUp", reason });
  });

  it.each([undefined, 408, 500, 502, 503, 504])("is tried again on status %s", (status) => {
    expect(decideNotice(status === undefined ? {} : { status }, situation)).toEqual({
      action: "retry",
      afterMs: 2_000,
    });
  });

  it("waits a random part of a time that doubles with each try, up to the cap", () => {
    const waits = [1, 2, 3, 4, 5, 6, 7].map((tries) =>
      decideNotice({ status: 500 }, { ...situation, tries, random: 0.999_999 }),
    );
    expect(waits.map((decision) => (decision.action === "retry" ? Math.ceil(decision.afterMs / 1000) : 0))).toEqual([
      4, 8, 16, 32, 64, 80, 80,
    ]);
    expect(decideNotice({ status: 500 }, { ...situation, random: 0 })).toEqual({ action: "retry", afterMs: 0 });
  });

  it("is given up after the last try", () => {
    expect(decideNotice({}, { ...situation, tries: 8 })).toEqual({ action: "giveUp", reason: "notifier_unreachable" });
  });

  it("is never tried again when its pairing is about to expire", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -10_000, max: 400_000 }),
        fc.integer({ min: 1, max: 7 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (remainingMs, tries, random) => {
          const decision = decideNotice({ status: 503 }, { ...situation, remainingMs, tries, random });
          if (decision.action === "retry") expect(decision.afterMs).toBeLessThanOrEqual(remainingMs - MIN_USEFUL_MS);
          else expect(decision).toEqual({ action: "giveUp", reason: "pairing_expiring" });
        },
      ),
    );
  });

  it.each([
    [1_337, 1_337],
    [0.2, 250],
    [86_400_000, 300_000],
    [undefined, 5_000],
    [Number.NaN, 5_000],
    [Number.POSITIVE_INFINITY, 5_000],
  ])("waits as long as a rate limit says, within bounds: %s ms", (retryAfterMs, forMs) => {
    const failure = { status: 429, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
    const { remainingMs: _, ...endless } = situation;
    expect(decideNotice(failure, endless)).toEqual({ action: "pause", forMs, tooLate: false });
  });

  it("does not wait for a rate limit that lasts longer than its pairing, though the queue does", () => {
    expect(decideNotice({ status: 429, retryAfterMs: 60_000 }, { ...situation, remainingMs: 65_000 })).toEqual({
      action: "pause",
      forMs: 60_000,
      tooLate: true,
    });
  });

  it("keeps its tries through any number of rate limits", () => {
    expect(decideNotice({ status: 429, retryAfterMs: 1_000 }, { ...situation, tries: 99 }).action).toBe("pause");
  });
});
