import type { SealedCount, SealingKeys } from "@yonexus/protocol/redis";
import { describe, expect, it } from "vitest";
import { keyReportText, reportKeys } from "./keyReport.ts";

const NOW = 1_000_000;
const node = (nodeId: string, ...keyIds: string[]): SealingKeys => ({ kind: "node", nodeId, keyIds });
const count = (changes: Partial<SealedCount>): SealedCount => ({
  ...{ secrets: 0, replaced: 0, codes: 0, codesUntil: 0 },
  ...changes,
});
const verdicts = (live: SealingKeys[], own: string[], sealed: Record<string, SealedCount>) =>
  reportKeys(live, own, new Map(Object.entries(sealed))).keys.map(({ keyId, verdict }) => [keyId, verdict]);

describe("a master key", () => {
  it("that a live process seals with is in use, whatever is sealed with it", () => {
    expect(verdicts([node("a", "new")], [], {})).toEqual([["new", "seals"]]);
  });

  it("that nobody seals with is needed as long as a secret, a replaced one or a code is sealed with it", () => {
    for (const left of [count({ secrets: 1 }), count({ replaced: 1 }), count({ codes: 1, codesUntil: NOW + 5 })]) {
      expect(verdicts([node("a", "new", "old")], [], { old: left })).toEqual([
        ["new", "seals"],
        ["old", "needed"],
      ]);
    }
  });

  it("that nobody seals with and nothing is sealed with can be dropped", () => {
    expect(verdicts([node("a", "new", "old")], [], { new: count({ secrets: 9 }) })).toEqual([
      ["new", "seals"],
      ["old", "unused"],
    ]);
  });

  it("that one node still seals with is in use, though it is no longer the first of the others", () => {
    expect(verdicts([node("a", "new", "old"), node("b", "old", "new")], [], {})).toEqual([
      ["new", "seals"],
      ["old", "seals"],
    ]);
  });

  it("cannot be judged unused while a live process does not tell its keys", () => {
    expect(verdicts([node("a", "new", "old"), node("silent")], [], {})).toContainEqual(["old", "undecided"]);
  });

  it("that nobody has, and that something is sealed with, is lost; known to this command alone it is needed", () => {
    const sealed = { gone: count({ secrets: 2 }) };
    expect(verdicts([node("a", "new")], [], sealed)).toContainEqual(["gone", "lost"]);
    expect(verdicts([node("a", "new")], ["gone"], sealed)).toContainEqual(["gone", "needed"]);
    expect(verdicts([node("a", "new"), node("silent")], [], sealed)).toContainEqual(["gone", "needed"]);
  });

  it("is told with its processes, what is sealed with it, and what to do", () => {
    const live = [...["a", "b", "c", "d"].map((name) => node(name, "11111111", "22222222")), node("old-one")];
    const sealed = new Map([
      ["11111111", count({ secrets: 120, replaced: 2 })],
      ["22222222", count({ secrets: 3, codes: 1, codesUntil: NOW + 240_000 })],
    ]);
    expect(keyReportText(reportKeys(live, ["11111111"], sealed), NOW)).toBe(
      [
        "KEY       SEALS FOR                          KNOWN TO                           SECRETS  REPLACED  CODES",
        "11111111  node a, node b, node c and 1 more  node a, node b, node c and 2 more  120      2         0",
        "22222222  nobody                             node a, node b, node c and 1 more  3        0         1",
        "",
        "11111111: in use.",
        "22222222: keep it. `yonexus keys rotate` seals anew what is sealed with it. A code waits for 4 min at most.",
        "node old-one of an earlier version: which keys it has is not known.",
      ].join("\n"),
    );
  });

  it("of which only a code is left is waited for", () => {
    const sealed = new Map([["22222222", count({ codes: 2, codesUntil: NOW + 60_000 })]]);
    expect(keyReportText(reportKeys([node("a", "11111111", "22222222")], [], sealed), NOW)).toContain(
      "22222222: keep it until its last code is used or over. Codes wait for 60 s at most.",
    );
  });

  it("is none where no process lives and nothing is sealed", () => {
    expect(keyReportText(reportKeys([], [], new Map()), NOW)).toBe(
      "No process that lives tells a master key, and nothing is sealed.",
    );
  });
});
