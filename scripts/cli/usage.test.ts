import { describe, expect, it } from "vitest";
import { usageSentence } from "./usage.ts";

describe("a command that was typed wrongly", () => {
  it("is answered with one sentence and the help to read", () => {
    expect(usageSentence({ message: "error: missing required argument 'identifier'" }, "send")).toBe(
      "Missing required argument identifier: see yonexus send --help.",
    );
  });

  it("is answered with what was probably meant", () => {
    expect(usageSentence({ message: "error: unknown command 'snd'\n(Did you mean send?)" }, undefined)).toBe(
      "Unknown command snd: did you mean send? See yonexus --help.",
    );
  });

  it("is not repeated raw to the terminal", () => {
    expect(usageSentence({ message: "error: unknown option '--\u001b[2J'" }, "up")).not.toContain("\u001b");
  });
});
