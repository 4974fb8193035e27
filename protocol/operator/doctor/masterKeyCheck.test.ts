import { describe, expect, it } from "vitest";
import { markedSteps } from "../../../test/support/markedSteps.ts";
import type { SealingKeys } from "../../redis/index.ts";
import { judgeMasterKeys } from "./masterKeyCheck.ts";

const node = (nodeId: string, ...keyIds: string[]): SealingKeys => ({ kind: "node", nodeId, keyIds });
const coordinator = (nodeId: string, ...keyIds: string[]): SealingKeys => ({ kind: "coordinator", nodeId, keyIds });
const judge = (live: readonly SealingKeys[], ...own: string[]) => judgeMasterKeys(live, own, markedSteps);

describe("the master keys of a cluster", () => {
  it.each([
    { live: [], own: ["1111"], found: "no process lives that has one" },
    { live: [node("a")], own: ["1111"], found: "no process that lives tells which it has" },
    { live: [node("a", "1111"), coordinator("c", "1111")], own: [], found: "1111 seals for all of 2" },
    { live: [node("a", "1111")], own: ["2222", "1111"], found: "1111 seals for all of 1, this process has it" },
    { live: [node("a", "2222", "1111"), node("b", "1111", "2222")], own: [], found: "2222 or 1111 seals for all of 2" },
    { live: [node("a", "1111"), node("old")], own: [], found: "1111 seals for all of 1, 1 more tells none" },
  ])("are well when each can open what the others seal: $found", ({ live, own, found }) => {
    expect(judge(live, ...own)).toEqual({ check: "master key", status: "ok", found });
  });

  it("are broken when two live processes have none in common, whichever this process has", () => {
    const live = [node("a", "1111"), node("b", "1111"), coordinator("c", "2222")];
    for (const own of [[], ["1111"], ["3333"]]) {
      expect(judge(live, ...own)).toMatchObject({
        status: "broken",
        found: "not all can open what others seal: node a, node b have 1111; coordinator c has 2222",
        mend: expect.stringMatching(/^Give every node and coordinator the same YONEXUS_MASTER_KEY/u),
      });
    }
  });

  it("are broken when this process has none in common with a live one, which says what to set", () => {
    expect(judge([node("a", "1111", "2222"), coordinator("c", "1111")], "2222", "3333")).toEqual({
      check: "master key",
      status: "broken",
      found: "not that of the cluster: this process has 2222 and 3333, coordinator c has 1111",
      mend: "Set <masterKeys> to the one of the cluster, or <redisUrl> and <keyPrefix> to the right cluster.",
    });
  });

  it("are to be looked at while a rotation has not reached all", () => {
    expect(judge([node("a", "2222", "1111"), node("b", "1111")])).toMatchObject({
      status: "warning",
      found: "a new one has not reached all: node a has 2222 and 1111; node b has 1111",
    });
    expect(judge([node("a", "2222", "1111")], "1111")).toMatchObject({
      status: "warning",
      found: "a new one has not reached this process, which has 1111: node a has 2222 and 1111",
      mend: "Set <masterKeys> to the one of the cluster.",
    });
  });

  it("are told of three processes by name, and of the others by their number", () => {
    const many = ["a", "b", "c", "d", "e"].map((name) => node(name, "1111"));
    expect(judge([...many, node("f", "2222")]).found).toContain("node a, node b, node c and 2 more have 1111");
  });
});
