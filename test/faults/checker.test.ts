import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { check, isClean } from "./checker.ts";
import type { Handling, History, Ownership, SentMessage, Settled, Traffic } from "./history.ts";

/** One message of a correct run: whether it was sent again, and whether its handler's process died at it. */
interface Plan {
  readonly attempts: number;
  readonly isInterrupted: boolean;
}

const STEP_MS = 100;
const plans = fc.array(
  fc.array(fc.record({ attempts: fc.integer({ min: 1, max: 3 }), isInterrupted: fc.boolean() }), {
    minLength: 3,
    maxLength: 12,
  }),
  { minLength: 1, maxLength: 4 },
);

/** A run in which all went as it should: each message is handled in its place, and again when its process died at it. */
function correctTraffic(direction: "out" | "in", followers: readonly (readonly Plan[])[]): Traffic {
  const sent: SentMessage[] = [];
  const handlings: Handling[] = [];
  followers.forEach((messages, index) => {
    const follower = `f${index}`;
    let start = 0;
    messages.forEach(({ attempts, isInterrupted }, n) => {
      const firstSentAt = n * STEP_MS;
      const beganAt = firstSentAt + 20;
      const handling = { follower, n, entry: `e${n}` };
      if (isInterrupted) {
        handlings.push({ ...handling, worker: `w${start}`, beganAt });
        start += 1;
      }
      handlings.push({ ...handling, worker: `w${start}`, beganAt: beganAt + 10, endedAt: beganAt + 20 });
      sent.push({
        follower,
        n,
        messageId: `${direction}-${follower}-${n}`,
        attempts,
        firstSentAt,
        promisedAt: firstSentAt + 60,
      });
    });
  });
  return { sent, handlings, repeats: direction === "out" ? "interrupted" : "entry" };
}

const histories = plans.map((followers): History => {
  const owners = followers.flatMap((_, index): Ownership[] => [
    { follower: `f${index}`, epoch: 1, nodeId: "node-a", claimedAt: 0 },
    { follower: `f${index}`, epoch: 2, nodeId: "node-b", claimedAt: 150 },
    { follower: `f${index}`, epoch: 3, nodeId: "node-a", claimedAt: 250 },
  ]);
  const outbound = correctTraffic("out", followers);
  const settled = outbound.sent.map(({ follower, messageId, n }): Settled => {
    const settledAt = n * STEP_MS + 50;
    return { follower, messageId, nodeId: settledAt > 150 && settledAt < 250 ? "node-b" : "node-a", settledAt };
  });
  return { outbound, inbound: correctTraffic("in", followers), ownerships: owners, settled, absent: [] };
});

type Way = "outbound" | "inbound";
const ways = fc.constantFrom<Way>("outbound", "inbound");

function withTraffic(history: History, way: Way, change: (traffic: Traffic) => Partial<Traffic>): History {
  return { ...history, [way]: { ...history[way], ...change(history[way]) } };
}

function pick<T>(values: readonly T[], at: number): T {
  const value = values[Math.min(values.length - 1, Math.floor(at * values.length))];
  if (value === undefined) throw new Error("There is nothing to pick.");
  return value;
}

const place = fc.double({ min: 0, max: 1, noNaN: true });

describe("The checker", () => {
  it("finds nothing in a correct run, in which what was interrupted came again", () => {
    fc.assert(
      fc.property(histories, (history) => {
        const verdict = check(history);
        expect(verdict.findings).toEqual([]);
        expect(isClean(verdict)).toBe(true);
        const all = [...history.outbound.handlings, ...history.inbound.handlings];
        expect(verdict.redelivered).toBe(all.filter(({ endedAt }) => endedAt === undefined).length);
      }),
    );
  });

  it("calls a run without a message unclean", () => {
    const nothing: Traffic = { sent: [], handlings: [], repeats: "entry" };
    const verdict = check({ outbound: nothing, inbound: nothing, ownerships: [], settled: [], absent: [] });
    expect(isClean(verdict)).toBe(false);
  });

  it("finds a message that was promised and never handled", () => {
    fc.assert(
      fc.property(histories, ways, place, (history, way, at) => {
        const gone = pick(history[way].sent, at);
        const broken = withTraffic(history, way, ({ handlings }) => ({
          handlings: handlings.filter(({ follower, n }) => follower !== gone.follower || n !== gone.n),
        }));
        const verdict = check(broken);
        expect(verdict.lost).toBe(1);
        expect(isClean(verdict)).toBe(false);
      }),
    );
  });

  it("finds a message that its sender was never answered", () => {
    fc.assert(
      fc.property(histories, ways, place, (history, way, at) => {
        const silent = pick(history[way].sent, at);
        const broken = withTraffic(history, way, ({ sent }) => ({
          sent: sent.map(({ promisedAt, ...message }) =>
            message.messageId === silent.messageId || promisedAt === undefined ? message : { ...message, promisedAt },
          ),
        }));
        const verdict = check(broken);
        expect([verdict.sent - verdict.acked, verdict.lost, isClean(verdict)]).toEqual([1, 0, false]);
      }),
    );
  });

  it("finds a message that a follower handled twice though no process had ended at it", () => {
    fc.assert(
      fc.property(histories, place, (history, at) => {
        const again = pick(
          history.outbound.handlings.filter(({ endedAt }) => endedAt !== undefined),
          at,
        );
        const broken = withTraffic(history, "outbound", ({ handlings }) => ({
          handlings: handlings.flatMap((handling) => (handling === again ? [handling, { ...handling }] : [handling])),
        }));
        expect(check(broken).handledTwice).toBe(1);
      }),
    );
  });

  it("finds a message that was handled under two entries, and counts the same entry again as redelivered", () => {
    fc.assert(
      fc.property(histories, place, fc.boolean(), (history, at, isOther) => {
        const first = pick(
          history.inbound.handlings.filter(({ endedAt }) => endedAt !== undefined),
          at,
        );
        const again = {
          ...first,
          beganAt: first.beganAt + 1_000_000,
          endedAt: first.beganAt + 1_000_001,
          worker: "late",
        };
        const entry = isOther ? "another" : first.entry;
        const broken = withTraffic(history, "inbound", ({ handlings }) => ({
          handlings: [...handlings, { ...again, entry }],
        }));
        const [before, after] = [check(history), check(broken)];
        expect(after.handledTwice).toBe(isOther ? 1 : 0);
        expect(after.redelivered - before.redelivered).toBe(isOther ? 0 : 1);
      }),
    );
  });

  it("finds messages that were handled in another order than they were sent, each once", () => {
    fc.assert(
      fc.property(histories, ways, place, (history, way, at) => {
        const { follower, n } = pick(
          history[way].sent.filter((message) => message.n > 0),
          at,
        );
        const isEarlier = (handling: Handling) => handling.follower === follower && handling.n === n - 1;
        const isLater = (handling: Handling) => handling.follower === follower && handling.n === n;
        const broken = withTraffic(history, way, ({ handlings, sent }) => {
          const moved = handlings.filter(isEarlier);
          const rest = handlings.filter((handling) => !isEarlier(handling));
          const after = rest.findLastIndex(isLater) + 1;
          return {
            handlings: [...rest.slice(0, after), ...moved, ...rest.slice(after)],
            sent: sent.map((message) => ({ ...message, attempts: 1 })),
          };
        });
        expect(check(broken).reordered).toBe(1);
      }),
    );
  });

  it("allows a message that was sent again any place after what was promised before it was sent", () => {
    const message = (n: number, attempts: number, firstSentAt: number, promisedAt: number): SentMessage => ({
      follower: "f",
      n,
      messageId: `m${n}`,
      attempts,
      firstSentAt,
      promisedAt,
    });
    const handling = (n: number, beganAt: number): Handling => ({
      follower: "f",
      n,
      entry: `e${n}`,
      worker: "w",
      beganAt,
      endedAt: beganAt,
    });
    const verdict = (sent: SentMessage[], order: number[]) =>
      check({
        outbound: { sent, handlings: order.map((n, index) => handling(n, index)), repeats: "interrupted" },
        inbound: { sent: [], handlings: [], repeats: "entry" },
        ownerships: [],
        settled: [],
        absent: [],
      });
    const sentAgain = [message(0, 2, 0, 90), message(1, 1, 10, 80), message(2, 1, 20, 85)];
    expect(verdict(sentAgain, [1, 2, 0]).reordered).toBe(0);
    expect(verdict(sentAgain, [0, 2, 1]).reordered).toBe(1);
    const promisedBefore = [message(0, 2, 0, 50), message(1, 3, 60, 90)];
    expect(verdict(promisedBefore, [1, 0]).reordered).toBe(1);
  });

  it("finds what a node settled after another one had claimed the session", () => {
    fc.assert(
      fc.property(histories, (history) => {
        const late: Settled = { follower: "f0", messageId: "late", nodeId: "node-b", settledAt: 251 };
        expect(check({ ...history, settled: [...history.settled, late] }).doubleOwners).toBe(1);
        const inTime: Settled = { ...late, settledAt: 249 };
        expect(check({ ...history, settled: [...history.settled, inTime] }).doubleOwners).toBe(0);
      }),
    );
  });

  it("finds two handlers at work for one follower, unless one of them died at it", () => {
    fc.assert(
      fc.property(histories, place, fc.boolean(), (history, at, hasDied) => {
        const first = pick(
          history.inbound.handlings.filter(({ endedAt, n }) => endedAt !== undefined && n > 0),
          at,
        );
        const { endedAt, ...begun } = first;
        const early: Handling = {
          ...begun,
          worker: "slow",
          beganAt: first.beganAt - 1,
          ...(hasDied ? {} : { endedAt: first.beganAt + 5 }),
        };
        const broken = withTraffic(history, "inbound", ({ handlings }) => ({
          handlings: handlings.flatMap((handling) => (handling === first ? [early, first] : [handling])),
        }));
        expect(endedAt).toBeGreaterThan(first.beganAt);
        expect(check(broken).doubleOwners).toBe(hasDied ? 0 : 1);
      }),
    );
  });

  it("tells who never came back, and the longest silence", () => {
    fc.assert(
      fc.property(histories, (history) => {
        const verdict = check({ ...history, absent: ["f0"] });
        expect([verdict.neverBack, isClean(verdict)]).toEqual([1, false]);
        expect(verdict.longestGapMs).toBeGreaterThanOrEqual(STEP_MS - 10);
        expect(verdict.longestGapMs).toBeLessThanOrEqual(STEP_MS + 10);
      }),
    );
  });
});
