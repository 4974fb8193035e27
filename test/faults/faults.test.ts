import { describe, expect, it } from "vitest";
import { QUICK_TIMES, type RowName } from "./rows.ts";
import { runRow } from "./runRow.ts";

/** The shortest rows of `npm run faults`, so that all of them take less than a minute. */
const SHORT_ROWS: readonly RowName[] = ["nodeKilled", "handlerKilled", "followersKilled", "redisKilled"];

describe("Under load, nothing is lost, handled twice or reordered", () => {
  it.each(SHORT_ROWS)("through the fault %s", { timeout: 120_000 }, async (row) => {
    const { verdict, isClean } = await runRow(row, QUICK_TIMES);
    expect(verdict.findings).toEqual([]);
    expect(isClean).toBe(true);
  });
});
