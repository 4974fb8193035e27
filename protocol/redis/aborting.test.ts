import { describe, expect, it } from "vitest";
import { unlessAborted } from "./aborting.ts";

const reason = new Error("the host stops");

describe("work that may be aborted", () => {
  it("ends as it does when nobody aborts it", async () => {
    const { signal } = new AbortController();
    expect(await unlessAborted(undefined, Promise.resolve(1))).toBe(1);
    expect(await unlessAborted(signal, Promise.resolve(1))).toBe(1);
    const failure = new Error("its own");
    await expect(unlessAborted(signal, Promise.reject(failure))).rejects.toBe(failure);
  });

  it("ends with the signal's reason, before it began or while it lasts", async () => {
    await expect(unlessAborted(AbortSignal.abort(reason), new Promise(() => {}))).rejects.toBe(reason);
    const controller = new AbortController();
    const waiting = unlessAborted(controller.signal, new Promise(() => {}));
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
  });

  it("ends with the reason also when the abort made the work fail", async () => {
    const controller = new AbortController();
    const work = new Promise<never>((_, reject) => {
      controller.signal.addEventListener("abort", () => reject(new Error("cut off")));
    });
    const waiting = unlessAborted(controller.signal, work);
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
  });
});
