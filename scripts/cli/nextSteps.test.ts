import { sendText } from "@yonexus/protocol/operator";
import { describe, expect, it } from "vitest";
import { nextSteps } from "./nextSteps.ts";

describe("what to do next, at a terminal", () => {
  it("names the command to type", () => {
    expect(nextSteps.allow("alpha")).toBe("allow it with `yonexus allow add alpha`");
    expect(nextSteps.allowAgain("alpha")).toBe("let it in with `yonexus allow add alpha`");
    expect(nextSteps.allowNote("alpha")).toBe("yonexus allow add alpha");
    expect(nextSteps.lookAtDeadLetters()).toBe("look at them with `yonexus dead-letters list`");
  });

  it("names the place of dead letters as a shell takes it, and never acts on the terminal", () => {
    expect(nextSteps.findDeadLetter({ kind: "follower", identifier: "alpha" })).toBe(
      "find it with `yonexus dead-letters list --follower alpha`",
    );
    expect(nextSteps.deadLettersNote({ kind: "rule", rule: "it's\u001b urgent" })).toBe(
      "yonexus dead-letters list --rule 'it'\\''s\\x1b urgent'",
    );
  });

  it("keeps a message's id that begins like an option apart from the options", () => {
    expect(nextSteps.lookAtMessage("alpha", "m1")).toBe("look with `yonexus message --follower alpha m1`");
    expect(nextSteps.lookAtMessage("alpha", "-m1")).toBe("look with `yonexus message --follower alpha -- -m1`");
  });

  it("calls a setting by its variable", () => {
    expect(nextSteps.setting("keyPrefix")).toBe("YONEXUS_KEY_PREFIX");
  });

  it("reads as one sentence in the result of a send", () => {
    const sent = { messageId: "m1", reached: "accepted" } as const;
    expect(sendText("alpha", { ...sent, result: "offline", reason: "never_connected" }, nextSteps)).toBe(
      "alpha is offline: it has never connected. Add --queue to deliver it when alpha returns.",
    );
    expect(sendText("alpha", { ...sent, result: "id_conflict" }, nextSteps)).toBe(
      "The id m1 was used for another message to alpha, so nothing was sent. Choose another --id, or leave it out.",
    );
    expect(sendText("alpha", { ...sent, result: "expired", reached: "expired" }, nextSteps)).toBe(
      "It expired before alpha had it: find it with `yonexus dead-letters list --follower alpha`, or send it with a longer --ttl.",
    );
  });
});
