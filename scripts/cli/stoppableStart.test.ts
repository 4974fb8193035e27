import { describe, expect, it } from "vitest";
import { stoppableStart } from "./stoppableStart.ts";

const never = new Promise<void>(() => {});

describe("a start that can be told to stop", () => {
  it("gives what it started while nobody tells it to", async () => {
    expect(await stoppableStart(never, async (signal) => ({ aborted: signal.aborted }))).toEqual({ aborted: false });
  });

  it("ends only when what it had opened is closed, and then gives nothing", async () => {
    const steps: string[] = [];
    const started = await stoppableStart(Promise.resolve(), async (signal) => {
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      await new Promise((resolve) => setImmediate(resolve));
      steps.push("closed");
      throw signal.reason;
    });
    steps.push("ended");
    expect(started).toBeUndefined();
    expect(steps).toEqual(["closed", "ended"]);
  });

  it("gives what it started when it was ready all the same, so that it can be stopped in good order", async () => {
    const ready = stoppableStart(Promise.resolve(), async (signal) => {
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      return "ready";
    });
    expect(await ready).toBe("ready");
  });

  it("throws what it fails with, told to stop or not", async () => {
    const failure = new Error("the port is taken");
    await expect(stoppableStart(never, () => Promise.reject(failure))).rejects.toBe(failure);
    const late = stoppableStart(Promise.resolve(), async (signal) => {
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      throw failure;
    });
    await expect(late).rejects.toBe(failure);
  });
});
