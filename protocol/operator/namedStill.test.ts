import { describe, expect, it } from "vitest";
import { namedStill } from "./namedStill.ts";

describe("a follower that was taken off the allowlist", () => {
  it("and that no configuration names is told nothing of", () => {
    expect(namedStill("alpha", [])).toBeUndefined();
  });

  it("stays out while the coordinators' configuration names it, and the setting to mend is named", () => {
    expect(namedStill("alpha", ["coordinator"])).toBe(
      "alpha is named still by YONEXUS_FOLLOWER_IDENTIFIERS: it stays out all the same. Take it out of there too.",
    );
  });

  it.each([
    [["gateway:3f2a"], "by followerIdentifiers of the OpenClaw gateway whose gateway.id is 3f2a:"],
    [
      ["coordinator", "gateway:3f2a", "gateway:99bc"],
      "by YONEXUS_FOLLOWER_IDENTIFIERS and by followerIdentifiers of the OpenClaw gateways whose gateway.id is 3f2a or 99bc:",
    ],
    [["of-a-program"], "by the configuration of-a-program:"],
  ])("is told of each place that names it: %j", (sources, places) => {
    expect(namedStill("alpha", sources)).toContain(`alpha is named still ${places}`);
  });
});
