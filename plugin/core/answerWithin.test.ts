import { expect, it } from "vitest";
import { answerWithin } from "./answerWithin.ts";

const never = new Promise<string>(() => {});

it("an answer in time is the answer, and an error in time is the error", async () => {
  expect(await answerWithin(30_000, Promise.resolve("in time"), () => "late")).toBe("in time");
  await expect(answerWithin(30_000, Promise.reject(new Error("no")), () => "late")).rejects.toThrow("no");
});

it("what does not answer in time is answered for", async () => {
  expect(await answerWithin(5, never, () => "late")).toBe("late");
  const refuse = () => {
    throw new Error("silent");
  };
  await expect(answerWithin(5, never, refuse)).rejects.toThrow("silent");
});
