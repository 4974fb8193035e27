import type { Handling, History, Ownership, SentMessage, Settled, Traffic } from "./history.ts";

/** What is wrong with a run, in numbers, with examples for whoever looks into it. */
export interface Verdict {
  readonly sent: number;
  readonly acked: number;
  /** Promised to its sender, and never handled. */
  readonly lost: number;
  readonly handledTwice: number;
  readonly reordered: number;
  /** Given to a handler again, and handled once: no fault. */
  readonly redelivered: number;
  /** Acts of an owner after another one had taken over, and handlers at work for one follower at the same time. */
  readonly doubleOwners: number;
  readonly neverBack: number;
  /** The longest that the handlers of any follower's messages heard nothing (ms). */
  readonly longestGapMs: number;
  /** A sentence for each finding, at most 20. */
  readonly findings: readonly string[];
}

const MOST_FINDINGS = 20;

/** Judges a history. It knows of nothing but what was written down. */
export function check(history: History): Verdict {
  const findings: string[] = [];
  const find = (sentence: string): void => {
    if (findings.length < MOST_FINDINGS) findings.push(sentence);
  };
  const parts = [checkTraffic("to", history.outbound, find), checkTraffic("from", history.inbound, find)];
  const sum = (value: (part: TrafficVerdict) => number): number =>
    parts.reduce((total, part) => total + value(part), 0);
  for (const follower of history.absent) find(`${follower} never came back`);
  return {
    sent: sum(({ sent }) => sent),
    acked: sum(({ acked }) => acked),
    lost: sum(({ lost }) => lost),
    handledTwice: sum(({ handledTwice }) => handledTwice),
    reordered: sum(({ reordered }) => reordered),
    redelivered: sum(({ redelivered }) => redelivered),
    doubleOwners:
      staleSettlements(history.ownerships, history.settled, find) + overlaps(history.inbound.handlings, find),
    neverBack: history.absent.length,
    longestGapMs: Math.max(...parts.map(({ longestGapMs }) => longestGapMs)),
    findings,
  };
}

/** Nothing wrong, and nothing without an answer. */
export function isClean(verdict: Verdict): boolean {
  const { sent, acked, lost, handledTwice, reordered, doubleOwners, neverBack } = verdict;
  return sent > 0 && acked === sent && lost + handledTwice + reordered + doubleOwners + neverBack === 0;
}

/** Of a run that came to no end. */
export function failedVerdict(why: string): Verdict {
  const none = { sent: 0, acked: 0, lost: 0, handledTwice: 0, reordered: 0, redelivered: 0 };
  return { ...none, doubleOwners: 0, neverBack: 0, longestGapMs: 0, findings: [why] };
}

type Find = (sentence: string) => void;
type TrafficVerdict = Pick<
  Verdict,
  "sent" | "acked" | "lost" | "handledTwice" | "reordered" | "redelivered" | "longestGapMs"
>;

function checkTraffic(way: "to" | "from", { sent, handlings, repeats }: Traffic, find: Find): TrafficVerdict {
  const sums = { sent: sent.length, acked: 0, lost: 0, handledTwice: 0, reordered: 0, redelivered: 0, longestGapMs: 0 };
  const sentOf = Map.groupBy(sent, ({ follower }) => follower);
  const handledOf = Map.groupBy(handlings, ({ follower }) => follower);
  for (const follower of new Set([...sentOf.keys(), ...handledOf.keys()])) {
    const name = (n: number): string => `message ${n} ${way} ${follower}`;
    const messages = sentOf.get(follower) ?? [];
    const runs = handledOf.get(follower) ?? [];
    const runsOf = Map.groupBy(runs, ({ n }) => n);
    for (const { n, promisedAt, firstSentAt } of messages) {
      if (promisedAt === undefined) {
        find(
          `${name(n)} was never answered for good${runsOf.has(n) ? "; it was handled" : ""}, sent at ${firstSentAt}`,
        );
        continue;
      }
      sums.acked += 1;
      if (runsOf.has(n)) continue;
      sums.lost += 1;
      find(`${name(n)} was promised at ${promisedAt} and never handled`);
    }
    for (const [n, all] of runsOf) {
      const twice = repeats === "entry" ? otherEntries(all) : uninterrupted(all, runs);
      sums.handledTwice += twice;
      sums.redelivered += all.length - 1 - twice;
      if (twice > 0) find(`${name(n)} was handled ${twice + 1} times: ${all.map(described).join(", ")}`);
    }
    sums.reordered += reordered(messages, runs, (early, late) =>
      find(`${name(early)} was handled after ${late}, and sent before it`),
    );
    sums.longestGapMs = Math.max(sums.longestGapMs, longestGap(runs));
  }
  return sums;
}

/** Of one message: stored twice is handled twice, whatever the handler does about repeats. */
function otherEntries(all: readonly Handling[]): number {
  return new Set(all.map(({ entry }) => entry)).size - 1;
}

/** Of one message: how often it was handled again though no process had ended in the middle of it. */
function uninterrupted(all: readonly Handling[], ofFollower: readonly Handling[]): number {
  return all.filter((again, index) => {
    const before = all[index - 1];
    if (before === undefined) return false;
    const isLastOfItsProcess = ofFollower.findLast(({ worker }) => worker === before.worker) === before;
    return before.worker === again.worker || !isLastOfItsProcess;
  }).length;
}

/**
 * How many messages were first handled after one that was sent later. A message that had to be sent again has no place
 * between those that were sent meanwhile: it only has to come after what had been promised before it was sent at all.
 */
function reordered(
  messages: readonly SentMessage[],
  runs: readonly Handling[],
  find: (early: number, late: number) => void,
): number {
  const places = new Map<number, number>();
  for (const { n } of runs) if (!places.has(n)) places.set(n, places.size);
  const handled = messages.filter(({ n }) => places.has(n)).toSorted((a, b) => a.n - b.n);
  const placeOf = (message: SentMessage): number => places.get(message.n) ?? 0;
  let count = 0;
  // The latest place of what was sent once before; and of what was promised, by when.
  let latestSentOnce: SentMessage | undefined;
  const promised = handled.filter(({ promisedAt }) => promisedAt !== undefined);
  promised.sort((a, b) => (a.promisedAt ?? 0) - (b.promisedAt ?? 0));
  let next = 0;
  let latestPromised: SentMessage | undefined;
  for (const message of handled.toSorted((a, b) => a.firstSentAt - b.firstSentAt || a.n - b.n)) {
    for (
      let each = promised[next];
      each !== undefined && (each.promisedAt ?? 0) < message.firstSentAt;
      each = promised[++next]
    ) {
      if (latestPromised === undefined || placeOf(each) > placeOf(latestPromised)) latestPromised = each;
    }
    const before = [latestPromised, message.attempts === 1 ? latestSentOnce : undefined].find(
      (other) => other !== undefined && placeOf(other) > placeOf(message),
    );
    if (before !== undefined) {
      count += 1;
      find(before.n, message.n);
    }
    const isLatest = latestSentOnce === undefined || placeOf(message) > placeOf(latestSentOnce);
    if (message.attempts === 1 && isLatest) latestSentOnce = message;
  }
  return count;
}

function longestGap(runs: readonly Handling[]): number {
  const gaps = runs.map(({ beganAt }, index) => beganAt - (runs[index - 1]?.beganAt ?? beganAt));
  return Math.max(0, ...gaps);
}

/** A message settled by a node after another one had claimed the session. */
function staleSettlements(ownerships: readonly Ownership[], settled: readonly Settled[], find: Find): number {
  const ownersOf = Map.groupBy(ownerships, ({ follower }) => follower);
  return settled.filter(({ follower, messageId, nodeId, settledAt }) => {
    const owners = (ownersOf.get(follower) ?? []).toSorted((a, b) => a.epoch - b.epoch);
    const own = owners.findLast((owner) => owner.nodeId === nodeId && owner.claimedAt <= settledAt);
    // An ownership shorter than the polling is not known, and its acts are nobody's fault.
    const newer = owners.find((owner) => own !== undefined && owner.epoch > own.epoch && owner.nodeId !== nodeId);
    if (newer === undefined || newer.claimedAt >= settledAt) return false;
    find(
      `${messageId} was settled by ${nodeId} at ${settledAt}; ${newer.nodeId} owned ${follower} since ${newer.claimedAt}`,
    );
    return true;
  }).length;
}

/** How often a follower's message was begun while an earlier one was in the hands of a process that lived on. */
function overlaps(handlings: readonly Handling[], find: Find): number {
  let count = 0;
  for (const [follower, runs] of Map.groupBy(handlings, ({ follower }) => follower)) {
    let longest: Handling | undefined;
    for (const run of runs) {
      if (longest?.endedAt !== undefined && longest.endedAt > run.beganAt) {
        count += 1;
        find(
          `${longest.worker} and ${run.worker} handled messages ${longest.n} and ${run.n} from ${follower} at one time`,
        );
      }
      if ((run.endedAt ?? 0) >= (longest?.endedAt ?? 0)) longest = run;
    }
  }
  return count;
}

function described({ entry, worker, beganAt }: Handling): string {
  return `${entry} by ${worker} at ${beganAt}`;
}
