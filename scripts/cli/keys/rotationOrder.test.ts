import type { SealingKeys } from "@yonexus/protocol/redis";
import { describe, expect, it } from "vitest";
import { rotationObstacle } from "./rotationOrder.ts";

const node = (nodeId: string, ...keyIds: string[]): SealingKeys => ({ kind: "node", nodeId, keyIds });
const coordinator = (nodeId: string, ...keyIds: string[]): SealingKeys => ({ kind: "coordinator", nodeId, keyIds });

describe("sealing anew", () => {
  it("has nothing in its way when each live process seals with the new key, or none lives", () => {
    expect(rotationObstacle([], "new")).toBeUndefined();
    expect(rotationObstacle([node("a", "new", "old"), coordinator("c", "new")], "new")).toBeUndefined();
  });

  it("waits for processes that do not have the new key, naming them and all steps in their order", () => {
    expect(rotationObstacle([node("a", "new", "old"), node("b", "old"), coordinator("c", "old")], "new")).toBe(
      "node b, coordinator c do not have new. In this order: 1. give every node and coordinator the new key behind the one that it has (YONEXUS_MASTER_KEYS=old,new), and start them again one by one; 2. put the new key first (YONEXUS_MASTER_KEYS=new,old), and start them again one by one; 3. run `yonexus keys rotate` again.",
    );
  });

  it("waits for processes that have it and seal with the old one: they would seal it back", () => {
    expect(rotationObstacle([node("a", "old", "new")], "new")).toBe(
      "node a seals with another key than new. In this order: 1. put the new key first (YONEXUS_MASTER_KEYS=new,old), and start them again one by one; 2. run `yonexus keys rotate` again.",
    );
  });

  it("waits for processes that do not tell their keys", () => {
    expect(rotationObstacle([node("a", "new"), node("b")], "new")).toMatch(
      /^node b does not tell its keys\. In this order: 1\. update those of an earlier version;/u,
    );
  });
});
