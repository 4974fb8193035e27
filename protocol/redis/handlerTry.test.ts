import { describe, expect, it } from "vitest";
import { failureReason, HandlerTimeoutError, runTry } from "./handlerTry.ts";

const never = () => new Promise<void>(() => {});

describe("a try to handle something", () => {
  it("is done with at once when the handler is, and otherwise when its promise is", async () => {
    const answers: string[] = [];
    const answer = async (text: string) => void answers.push(text);
    expect(runTry(() => 7, answer, 1_000)).toBeUndefined();
    await runTry(async () => undefined, answer, 1_000);
    expect(answers).toEqual([]);
  });

  it("that hangs keeps no process alive", () => {
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
    const before = timers();
    void runTry(never, async () => {}, 900_000);
    expect(timers()).toBe(before);
  });

  it("answers with a text that was returned, an empty one too, and is not done before the answer is", async () => {
    const answers: string[] = [];
    const answered = Promise.withResolvers<void>();
    const answer = (text: string) => {
      answers.push(text);
      return answered.promise;
    };
    let isDone = false;
    const both = Promise.all([runTry(() => "", answer, 1_000), runTry(async () => "later", answer, 1_000)]).then(() => {
      isDone = true;
    });
    await new Promise(setImmediate);
    expect([answers, isDone]).toEqual([["", "later"], false]);
    answered.resolve();
    await both;
    expect(isDone).toBe(true);
  });

  it("fails when the handler or the answer does, and when they take too long; an answer that comes later is not given", async () => {
    const failing = async () => Promise.reject(new Error("no"));
    await expect(runTry(failing, never, 1_000)).rejects.toThrow("no");
    await expect(runTry(() => "text", failing, 1_000)).rejects.toThrow("no");
    expect(() =>
      runTry(
        () => {
          throw new Error("at once");
        },
        never,
        1_000,
      ),
    ).toThrow("at once");
    await expect(runTry(never, never, 5)).rejects.toThrow(HandlerTimeoutError);
    await expect(runTry(() => "text", never, 5)).rejects.toThrow(HandlerTimeoutError);
    const returned = Promise.withResolvers<string>();
    const answers: string[] = [];
    await expect(
      runTry(
        () => returned.promise,
        async (text) => void answers.push(text),
        5,
      ),
    ).rejects.toThrow();
    returned.resolve("too late");
    await new Promise(setImmediate);
    expect(answers).toEqual([]);
  });
});

describe("the reason of a failure", () => {
  it("is the error's message on one line, without what could act on a terminal, 256 characters at most", () => {
    expect(failureReason(new Error("red \u001b[31m\r\nbell\u0007 \u202eback\u2028end"))).toBe("red [31m bell back end");
    expect(failureReason("a text")).toBe("a text");
    for (const other of [undefined, {}, Object.create(null)]) expect(failureReason(other)).toBe("handler_failed");
    expect(failureReason(new Error(" \n"))).toBe("handler_failed");
    expect(failureReason(new Error("x".repeat(300)))).toBe("x".repeat(256));
    // Characters, none of them cut in two.
    expect(failureReason(new Error("🦊".repeat(300)))).toBe("🦊".repeat(256));
    expect(failureReason(new Error(`x${"🦊".repeat(300)}`))).toBe(`x${"🦊".repeat(255)}`);
    expect(failureReason(new HandlerTimeoutError("took too long"))).toBe("handler_timeout");
  });

  it("quotes no message: of an error that is not plain it is the code, or else the name", () => {
    const parse = (text: string) => {
      try {
        return JSON.parse(text);
      } catch (error) {
        return error;
      }
    };
    expect(failureReason(parse("my secret order"))).toBe("SyntaxError");
    expect(failureReason(Object.assign(new TypeError("my secret order"), { code: "ERR_ORDER" }))).toBe("ERR_ORDER");
    expect(failureReason(Object.assign(new TypeError("my secret order"), { code: 7 }))).toBe("TypeError");
    class OwnError extends Error {
      readonly code = "NOT_PASSED_ON";
    }
    expect(failureReason(new OwnError("the answer was not"))).toBe("NOT_PASSED_ON: the answer was not");
  });
});
