import { setTimeout as pause } from "node:timers/promises";
import { openCluster } from "@yonexus/protocol/redis";
import { check, failedVerdict, isClean, type Verdict } from "./checker.ts";
import { FaultCluster, type FaultClusterOptions, FaultStartError } from "./faultCluster.ts";
import type { FollowerLine } from "./followersProcess.ts";
import type { HandlerLine } from "./handlerProcess.ts";
import type { Handling, SentMessage, Settled } from "./history.ts";
import { readJournal } from "./journal.ts";
import { checkLive, type LiveMessage, type LiveVerdict, type Outage } from "./liveChecker.ts";
import type { SenderLine } from "./numberedLoad.ts";
import { type FaultRow, ROWS, type RowName, type Times } from "./rows.ts";

export interface RowResult {
  readonly row: RowName;
  readonly what: string;
  readonly delivery: "queued" | "live";
  /** Of a live row only what the followers sent is judged here, which is durable in every row. */
  readonly verdict: Verdict;
  readonly live?: LiveVerdict;
  readonly isClean: boolean;
  readonly seconds: number;
  /** Where all was written down, when it is not clean. */
  readonly folder?: string;
}

const DEFAULTS: FaultClusterOptions = {
  nodes: 2,
  followers: 20,
  followerProcesses: 2,
  handlers: 2,
  isProxied: false,
  leaseMs: 0,
  silenceTimeoutMs: 0,
  workMs: 0,
  nodeSettings: {},
  nodeSkewMs: [],
};
const LOAD = { toFollowersPerSecond: 150, fromFollowersPerSecond: 50 };
const SETTLE_TIMEOUT_MS = 45_000;
const READ_AT_A_TIME = 128;

/** Breaks a cluster of its own as the row says, under load, and judges what came of it. A row that cannot be run is not clean. */
export async function runRow(name: RowName, times: Times): Promise<RowResult> {
  const row: FaultRow = ROWS[name];
  const began = performance.now();
  const judged = await judgedRun(row, times).catch((error: unknown) => ({
    verdict: failedVerdict(error instanceof Error ? error.message : String(error)),
    isClean: false,
    ...(error instanceof FaultStartError ? { folder: error.folder } : {}),
  }));
  const seconds = Math.round((performance.now() - began) / 1000);
  return { row: name, what: row.what, delivery: row.delivery, ...judged, seconds };
}

type Judged = Pick<RowResult, "verdict" | "live" | "isClean" | "folder">;

async function judgedRun({ delivery, options, paddingBytes = 32, run }: FaultRow, times: Times): Promise<Judged> {
  const { leaseMs, silenceTimeoutMs, calmMs } = times;
  const cluster = await FaultCluster.start({ ...DEFAULTS, leaseMs, silenceTimeoutMs, ...options });
  let judged: Judged;
  try {
    await cluster.programs.startLoad({ ...LOAD, delivery, paddingBytes });
    await pause(calmMs);
    const outages = await run(cluster, times);
    await pause(calmMs);
    const absent = await cluster.settle(SETTLE_TIMEOUT_MS);
    judged = await judge(cluster, delivery, absent, outages);
  } finally {
    await cluster.stop();
  }
  if (!judged.isClean) return { ...judged, folder: cluster.folder };
  cluster.removeFolder();
  return judged;
}

async function judge(
  cluster: FaultCluster,
  delivery: "queued" | "live",
  absent: readonly string[],
  outages: readonly Outage[],
): Promise<Judged> {
  const outLines = readJournal<SenderLine>(cluster.programs.journal("toFollowers"));
  const processes = Array.from({ length: cluster.programs.followerProcesses }, (_, index) => index);
  const inLines = processes.flatMap((index) =>
    readJournal<SenderLine>(cluster.programs.journal("fromFollowers", index)),
  );
  const arrivals = processes.flatMap((index) =>
    readJournal<FollowerLine>(cluster.programs.journal("followers", index)).flatMap((line): Handling[] =>
      line.kind === "handled" ? [{ ...line, beganAt: line.at, endedAt: line.at }] : [],
    ),
  );
  const isQueued = delivery === "queued";
  const outbound = isQueued ? sentMessages(outLines) : [];
  const verdict = check({
    outbound: { sent: outbound, handlings: isQueued ? arrivals : [], repeats: "interrupted" },
    inbound: {
      sent: sentMessages(inLines),
      handlings: handlerRuns(readJournal<HandlerLine>(cluster.programs.journal("handlers"))),
      repeats: "entry",
    },
    ownerships: cluster.watch.ownerships,
    settled: await settledMessages(cluster, outbound),
    absent,
  });
  if (isQueued) return { verdict, isClean: isClean(verdict) };
  const live = checkLive(liveMessages(outLines), arrivals, outages);
  const isTrue = live.lies === 0 && live.handledThoughRefused === 0 && live.handledTwice === 0;
  return { verdict, live, isClean: isClean(verdict) && isTrue };
}

function sentMessages(lines: readonly SenderLine[]): SentMessage[] {
  const messages = new Map<string, SentMessage>();
  for (const line of lines) {
    const known = messages.get(line.messageId);
    if (line.kind === "sent") {
      const { follower, n, messageId, at } = line;
      const attempts = (known?.attempts ?? 0) + 1;
      messages.set(messageId, { ...(known ?? { follower, n, messageId, firstSentAt: at }), attempts });
    } else if (known !== undefined && line.final) messages.set(line.messageId, { ...known, promisedAt: line.at });
  }
  return [...messages.values()];
}

function liveMessages(lines: readonly SenderLine[]): LiveMessage[] {
  const answers = new Map(lines.flatMap((line) => (line.kind === "told" ? [[line.messageId, line] as const] : [])));
  return lines.flatMap((line): LiveMessage[] => {
    if (line.kind === "told") return [];
    const told = answers.get(line.messageId);
    return [{ follower: line.follower, n: line.n, answer: told?.answer ?? "none", toldAt: told?.at ?? line.at }];
  });
}

function handlerRuns(lines: readonly HandlerLine[]): Handling[] {
  const runs: { -readonly [Field in keyof Handling]: Handling[Field] }[] = [];
  for (const { kind, at, follower, n, entry, worker } of lines) {
    if (kind === "began") runs.push({ follower, n, entry, worker, beganAt: at });
    else {
      const own = runs.findLast((run) => run.entry === entry && run.worker === worker && run.follower === follower);
      if (own !== undefined) own.endedAt = at;
    }
  }
  return runs;
}

/** What the records of the messages say of their end. */
async function settledMessages(cluster: FaultCluster, sent: readonly SentMessage[]): Promise<Settled[]> {
  const { keys } = cluster.cluster.stores;
  const reader = await openCluster({ redisUrl: cluster.redis.url, keyPrefix: keys.prefix });
  const settled: Settled[] = [];
  for (let index = 0; index < sent.length; index += READ_AT_A_TIME) {
    const some = sent.slice(index, index + READ_AT_A_TIME);
    await Promise.all(
      some.map(async ({ follower, messageId }) => {
        const record = await reader.getMessage(messageId, follower);
        if (record?.settledAt === undefined || record.node === undefined) return;
        settled.push({ follower, messageId, nodeId: record.node, settledAt: record.settledAt });
      }),
    );
  }
  await reader.close();
  return settled;
}
