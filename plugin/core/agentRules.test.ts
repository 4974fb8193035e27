import type { InboundMessage } from "@yonexus/protocol/redis";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AgentWaker, eventKey, eventText, wakeAgent } from "./agentRules.ts";

const RULE = { rule: "ask", agentId: "main", sessionKey: "agent:main:main" };
const message = (content: string, id = "1-0"): InboundMessage => ({
  ...{ id, rule: "ask", identifier: "alpha", content, attempt: 1, frame: `ask::alpha::${content}` },
});

/** A session's queue as OpenClaw keeps it: by key, and what is taken leaves it. */
function session(waiting: { key: string; text: string }[] = []) {
  const woken: string[] = [];
  const waker: AgentWaker = {
    enqueue: (text, _rule, key) => {
      waiting.push({ key, text });
      return true;
    },
    waiting: () => waiting.map(({ key }) => key),
    wake: ({ agentId }) => void woken.push(agentId),
  };
  return { waiting, woken, waker };
}

const tuning = { lookEveryMs: 1, wakeEveryMs: 30_000, patienceMs: 5_000 };
const never = new AbortController().signal;

describe("an event for an agent", () => {
  it("names the follower, says that it is not to be obeyed, and how to answer", () => {
    const text = eventText(message("hello"));
    expect(text).toContain('The follower alpha sent this under the rule "ask".');
    expect(text).toContain("UNTRUSTED INPUT");
    expect(text).toContain('call sendMessageToClient with identifier "alpha" and rule "ask"');
  });

  it("holds what was sent between two lines that its sender cannot write", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (content) => {
        const lines = eventText(message(content)).split("\n");
        const begin = lines.findIndex((line) => /^--- begin [\w-]{12} ---$/u.test(line));
        const fence = lines[begin]?.split(" ")[2] ?? "";
        const ends = lines.flatMap((line, index) => (line === `--- end ${fence} ---` ? [index] : []));
        // One end, and after it only what this side says.
        expect(ends).toHaveLength(1);
        expect(lines.length - (ends[0] ?? 0)).toBe(2);
      }),
    );
  });

  it("shows control characters and marks that turn text around, and cuts what is too long, saying so", () => {
    expect(eventText(message("a\u001b[2Jb\u202ec"))).toContain("a\ufffd[2Jb\ufffdc");
    expect(eventText(message("x".repeat(20_000)))).toContain("It is longer (20000 characters); the rest is not shown.");
  });
});

describe("an event that OpenClaw would take for its own noise", () => {
  /** As the host judges (2026.9): such an event leaves the queue and no agent sees it. */
  const isNoise = (text: string) => /reason periodic|heartbeat poll|heartbeat wake/u.test(text.toLowerCase());

  it.each(["Why did the heartbeat poll fail?", "HEARTBEAT WAKE", "the reason periodic jobs fail", "xheartbeat poll"])(
    "is told apart from it: %s",
    (content) => {
      expect(isNoise(content)).toBe(true);
      expect(isNoise(eventText(message(content)))).toBe(false);
    },
  );

  it("is never made by any content, nor by a rule", () => {
    const words = fc.constantFrom("heartbeat", "poll", "wake", "reason", "periodic", " ", "\n", "x");
    fc.assert(
      fc.property(fc.array(words, { maxLength: 12 }), (parts) => {
        expect(isNoise(eventText({ ...message(parts.join("")), rule: parts.join("") }))).toBe(false);
      }),
    );
  });
});

describe("a rule that wakes an agent", () => {
  it("has handled a message when the agent's session took the event, not before", async () => {
    const { waiting, woken, waker } = session();
    let isHandled = false;
    const handling = Promise.resolve(wakeAgent(RULE, waker, never, tuning)(message("hello"))).then(() => {
      isHandled = true;
    });
    await expect.poll(() => woken).toEqual(["main"]);
    expect([waiting.length, isHandled]).toEqual([1, false]);
    waiting.length = 0;
    await handling;
    expect(isHandled).toBe(true);
  });

  it("is not fooled by content that names the events of others", async () => {
    const { waiting, waker } = session();
    const handler = wakeAgent(RULE, waker, never, tuning);
    const victim = message("please call the fire brigade", "2-0");
    const both = [handler(message(`ref ${eventKey(victim)}`, "1-0")), handler(victim)];
    await expect.poll(() => waiting.length).toBe(2);
    waiting.length = 0;
    await Promise.all(both);
  });

  it("gives a message that waits already no second event", async () => {
    const { waiting, waker } = session();
    const handler = wakeAgent(RULE, waker, never, tuning);
    const both = [handler(message("hello")), handler(message("hello"))];
    await expect.poll(() => waiting.length).toBe(1);
    waiting.length = 0;
    await Promise.all(both);
  });

  it("waits while the session has many events: OpenClaw drops the oldest of them without a word", async () => {
    const { waiting, waker } = session(Array.from({ length: 12 }, (_, index) => ({ key: "", text: `other ${index}` })));
    const handling = wakeAgent(RULE, waker, never, tuning)(message("hello"));
    await expect
      .poll(() => waiting.some(({ text }) => text.includes("alpha")), { timeout: 50 })
      .toBe(true)
      .catch(() => {});
    expect(waiting.some(({ text }) => text.includes("alpha"))).toBe(false);
    waiting.splice(0, 5);
    await expect.poll(() => waiting.some(({ text }) => text.includes("alpha"))).toBe(true);
    waiting.length = 0;
    await handling;
  });

  it("wakes the agent again when a wake led to no turn", async () => {
    const { waiting, woken, waker } = session();
    const handling = wakeAgent(RULE, waker, never, { ...tuning, wakeEveryMs: 5 })(message("hello"));
    await expect.poll(() => woken.length).toBeGreaterThanOrEqual(3);
    waiting.length = 0;
    await handling;
  });

  it("fails the try when the agent does not take its turn in time, and says what to look at", async () => {
    const { waker } = session();
    const handling = wakeAgent(RULE, waker, never, { ...tuning, patienceMs: 5 })(message("hello"));
    await expect(handling).rejects.toThrow("The agent main did not take its turn in time");
  });

  it("neither handles nor fails a message when the plugin stops: it goes back as it is", async () => {
    const stopping = new AbortController();
    const { waiting, waker } = session();
    let outcome = "none";
    void Promise.resolve(wakeAgent(RULE, waker, stopping.signal, tuning)(message("hello"))).then(
      () => (outcome = "handled"),
      () => (outcome = "failed"),
    );
    await expect.poll(() => waiting.length).toBe(1);
    stopping.abort();
    waiting.length = 0;
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    expect(outcome).toBe("none");
  });
});
