import { describe, expect, it } from "vitest";
import { adminPortsOf } from "./adminPorts.ts";

describe("the admin ports of a local cluster", () => {
  it("are none without a first one", () => {
    expect(adminPortsOf(undefined, [8787, 8788])).toEqual([]);
  });

  it("are the coordinator's and, after it, one for each node", () => {
    expect(adminPortsOf(9090, [8787, 8788])).toEqual([9090, 9091, 9092]);
  });

  it("are any free ones where the first is", () => {
    expect(adminPortsOf(0, [0, 0])).toEqual([0, 0, 0]);
  });

  it.each([
    [65_534, [8787, 8788], "go past 65535"],
    [8786, [8787, 8788], "go over 8787, where followers connect"],
  ])("from %d on beside %j are refused", (first, ports, why) => {
    expect(() => adminPortsOf(first, ports)).toThrow(new RegExp(`${why}: set another YONEXUS_ADMIN_PORT\\.$`, "u"));
  });
});
