import { describe, expect, it } from "vitest";
import { endsWithin, runEvery } from "./stopSteps.ts";

describe("the steps of an end", () => {
  it("are all run in order, also after one that failed, and the first failure is told", async () => {
    const done: string[] = [];
    const ending = runEvery([
      () => void done.push("first"),
      () => Promise.reject(new Error("second failed")),
      () => {
        throw new Error("third failed");
      },
      async () => void done.push("last"),
    ]);
    await expect(ending).rejects.toThrow("second failed");
    expect(done).toEqual(["first", "last"]);
  });

  it("that hang are not waited for longer than the time", async () => {
    expect(await endsWithin(20, new Promise(() => {}))).toBe(false);
    expect(await endsWithin(10_000, Promise.resolve("done"))).toBe(true);
    await expect(endsWithin(10_000, Promise.reject(new Error("failed")))).rejects.toThrow("failed");
  });
});
