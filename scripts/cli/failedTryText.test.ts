import { InvalidMessageError, MaybeQueuedError } from "@yonexus/protocol/redis";
import { describe, expect, it } from "vitest";
import { failedTryText } from "./failedTryText.ts";

const message = { id: "17-0", rule: "it's urgent", identifier: "alpha", attempt: 1 };

describe("the words of a failed try", () => {
  it("tell which message failed, why, and that it is tried again", () => {
    expect(failedTryText(message, 5, new InvalidMessageError("The message is too long. Split it."))).toBe(
      "The message 17-0 of alpha failed at try 1 of 5 (The message is too long. Split it): it is tried again.",
    );
  });

  it("tell where it lies after the last try, as a shell takes it", () => {
    expect(failedTryText({ ...message, attempt: 5 }, 5, new Error("offline"))).toContain(
      "(offline): it is a dead letter now, find it with `yonexus dead-letters list --rule 'it'\\''s urgent'`.",
    );
  });

  it("ask nobody to send again what is tried again by itself, and cannot act on the terminal", () => {
    expect(failedTryText(message, 5, new MaybeQueuedError("re_x", new Error("closed")))).toContain(
      "(Redis did not answer): it is tried again.",
    );
    expect(failedTryText(message, 5, new Error("\u001b[2J"))).not.toContain("\u001b");
  });
});
