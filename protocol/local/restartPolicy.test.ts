import { describe, expect, it } from "vitest";
import { RestartPolicy } from "./restartPolicy.ts";

describe("a process that ends by itself", () => {
  it("is started again a little later each time, and given up at the fifth end in a minute", () => {
    const policy = new RestartPolicy();
    expect([0, 1_000, 2_000, 3_000, 4_000].map((now) => policy.next(now))).toEqual([250, 500, 1_000, 2_000, undefined]);
  });

  it("is not given up where it is to be tried slowly: once a minute, until it runs for a minute", () => {
    const policy = new RestartPolicy(60_000);
    expect([0, 1_000, 2_000, 3_000, 4_000].map((now) => policy.next(now))).toEqual([250, 500, 1_000, 2_000, 60_000]);
    expect([64_100, 124_300, 244_000].map((now) => policy.next(now))).toEqual([60_000, 60_000, 60_000]);
    expect([364_000, 365_000].map((now) => policy.next(now))).toEqual([250, 500]);
  });

  it("that ran well for long is started again at once", () => {
    const policy = new RestartPolicy();
    for (const now of [0, 1_000, 2_000, 3_000]) policy.next(now);
    expect(policy.next(120_000)).toBe(250);
  });
});
