import { setTimeout } from "node:timers/promises";
import {
  type AuditRecord,
  AuditTail,
  explainRefusal,
  FollowerDirectory,
  parseStatusChange,
  readAuditRecord,
  type StatusChange,
  Subscription,
  whenReady,
} from "@yonexus/protocol/redis";
import { CliError } from "../cliError.ts";
import type { ClusterAccess } from "../clusterAccess.ts";
import { nextSteps } from "../nextSteps.ts";
import { complain, onReaderGone, printAndDrain } from "../output.ts";
import { onStopSignal } from "../stopSignals.ts";
import { BoundedPrinter } from "./boundedPrinter.ts";
import { auditLine, statusText } from "./eventText.ts";
import { watchLink } from "./linkWatch.ts";

/** A read that failed is tried again after this (ms). */
const RETRY_MS = 200;

/** Status changes of all followers as they happen, until the person ends it. What happens while Redis is away is not heard of. */
export async function followStatus(cluster: ClusterAccess, asJson: boolean): Promise<void> {
  const { redis, keys, connect, place } = cluster;
  const listening = connect("subscriber");
  const ended = endOfWatching();
  const printer = new BoundedPrinter({
    print: printAndDrain,
    onLeftOut: (count) => complain(`${count} changes were left out: what reads this is too slow.`),
  });
  const hear = (text: string): void => {
    const change = parseStatusChange(text);
    if (change !== undefined) printer.add(asJson ? statusJson(change) : statusText(change));
  };
  const stopWatching = watchLink(redis, listening, {
    onAway: () => complain(`Redis at ${place} is away: waiting for it. What changes meanwhile is not told later.`),
    onBack: () => complain("Redis is back."),
  });
  try {
    const opened = await Promise.race([Subscription.open(listening, keys.events, hear), ended]);
    if (opened === undefined) return;
    complain("Watching all followers. Ctrl-C ends it.");
    await ended;
    opened.close();
    await printer.drained();
  } finally {
    stopWatching();
  }
}

/** What happened to one follower, oldest first; and with `follow` what happens from then on, nothing of it missed. */
export async function showFollowerEvents(
  cluster: ClusterAccess,
  identifier: string,
  { follow, asJson }: { readonly follow: boolean; readonly asJson: boolean },
): Promise<void> {
  const { redis, keys, connect, place } = cluster;
  if ((await new FollowerDirectory(redis, keys).find(identifier)) === undefined) {
    throw new CliError(`${identifier} is unknown: ${nextSteps.allow(identifier)}.`);
  }
  const entries = await redis.xrange(keys.follower(identifier).audit, "-", "+");
  const records = entries.map(([id, fields]) => readAuditRecord(id, fields));
  const tell = async ({ at, event, details }: AuditRecord): Promise<void> => {
    const line = { type: "audit", identifier, event, at, details };
    await printAndDrain(asJson ? JSON.stringify(line) : auditLine(identifier, line));
  };
  for (const record of records) await tell(record);
  if (!follow) return;

  const blocking = connect("blocking");
  let isOver = false;
  const ended = endOfWatching().then(() => {
    isOver = true;
  });
  const stopWatching = watchLink(redis, blocking, {
    onAway: () => complain(`Redis at ${place} is away: waiting for it.`),
    onBack: () => complain("Redis is back."),
  });
  const tail = new AuditTail(blocking, keys, identifier, records.at(-1)?.id ?? "0");
  const next = async (): Promise<AuditRecord[]> => {
    try {
      return await tail.next();
    } catch (error) {
      // A connection that is lost comes back, and the next call asks for the same again. What Redis refuses it refuses again.
      if (explainRefusal(error) !== undefined) throw error;
      await setTimeout(RETRY_MS);
      return [];
    }
  };
  const watch = async (): Promise<void> => {
    while (!isOver) {
      await whenReady(blocking);
      for (const record of await next()) await tell(record);
    }
  };
  complain(`Watching ${identifier}. Ctrl-C ends it.`);
  try {
    await Promise.race([watch(), ended]);
  } finally {
    stopWatching();
  }
}

function statusJson({ identifier, status, previous, reason, at }: StatusChange): string {
  return JSON.stringify({ type: "status", identifier, status, previous, reason, at });
}

/** Resolves when the person ends it, or nobody reads any more. */
function endOfWatching(): Promise<undefined> {
  return new Promise((resolve) => {
    const end = (): void => resolve(undefined);
    onStopSignal({ stop: end, force: () => process.exit(1) });
    onReaderGone(end);
  });
}
