import { describe, expect, it } from "vitest";
import { ClusterClock } from "./clusterClock.ts";

describe("the cluster's clock on a node", () => {
  it("goes by what Redis answered, halfway between question and answer, and goes on from there", () => {
    const clock = new ClusterClock();
    const now = performance.now();
    clock.learn(1_000_000_000, now - 400, now + 400);
    expect(clock.seconds()).toBeGreaterThanOrEqual(1_000_000);
    expect(clock.seconds()).toBeLessThanOrEqual(1_000_001);
    clock.learn(2_000_000_000, now - 86_400_000, now - 86_400_000);
    expect(clock.seconds()).toBeGreaterThanOrEqual(2_086_400);
    expect(clock.seconds()).toBeLessThanOrEqual(2_086_401);
  });

  it("is the machine's own before Redis answered for the first time", () => {
    expect(Math.abs(new ClusterClock().seconds() - Date.now() / 1000)).toBeLessThan(2);
  });
});
