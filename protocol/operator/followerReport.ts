import type { AuditEntry, FollowerSummary } from "../redis/index.ts";
import { ageText, spanText } from "./age.ts";
import { lastSeenAt } from "./followerText.ts";
import type { NextSteps } from "./nextSteps.ts";
import type { PairingUnderWay } from "./pairingsUnderWay.ts";
import { plainText } from "./plainText.ts";

/**
 * All that is known of one follower, a fact a line.
 * @param pairings those that wait for a code.
 * @param audit what happened last, in the order it is told in.
 * @param now Redis time (ms).
 */
export function followerReport(
  follower: FollowerSummary,
  pairings: readonly PairingUnderWay[],
  audit: readonly AuditEntry[],
  now: number,
  next: NextSteps,
): string {
  const seenAt = lastSeenAt(follower);
  const facts: [string, string | undefined][] = [
    ["status", follower.status],
    ["node", follower.node],
    ["address", follower.address],
    ["last seen", seenAt === undefined ? "never" : ageText(seenAt, now)],
    ["ended", follower.endReason],
    ["allowed", follower.allowed ? "yes" : `no: ${next.allowNote(follower.identifier)}`],
    ["paired", pairedText(follower, now)],
    ["fingerprint", follower.fingerprint],
    ["trust", clearedText(follower, now)],
    ["queued", queuedText(follower)],
    ["not delivered", undeliveredText(follower, next)],
  ];
  const lines = facts
    .filter((fact): fact is [string, string] => fact[1] !== undefined)
    .map(([name, value]) => `  ${name.padEnd(15)}${plainText(value)}`);
  return [
    follower.identifier,
    ...lines,
    ...pairings.map(
      ({ fingerprint, address, expiresAt }) =>
        `  waits for a code: fingerprint ${plainText(fingerprint)} from ${plainText(address)}, ${spanText(Math.max(0, expiresAt - now))} left`,
    ),
    ...(audit.length === 0 ? [] : ["  what happened last"]),
    ...audit.map((entry) => `    ${auditText(entry, now)}`),
  ].join("\n");
}

function pairedText({ paired, pairedAt }: FollowerSummary, now: number): string {
  if (!paired) return "no";
  return pairedAt === undefined ? "yes" : `yes, ${ageText(pairedAt, now)}`;
}

function clearedText({ trustClearedAt, trustClearedReason, pairedAt }: FollowerSummary, now: number) {
  if (trustClearedAt === undefined || trustClearedAt < (pairedAt ?? 0)) return undefined;
  return `cleared ${ageText(trustClearedAt, now)} (${trustClearedReason ?? "no reason given"})`;
}

function queuedText({ queued, queuedBytes }: FollowerSummary): string | undefined {
  return queued === 0 ? undefined : `${queued} ${queued === 1 ? "message" : "messages"}, ${queuedBytes} bytes`;
}

function undeliveredText(
  { identifier, expired, rejected, deadLetters }: FollowerSummary,
  next: NextSteps,
): string | undefined {
  if (expired + rejected === 0) return undefined;
  const look = deadLetters === 0 ? "" : `: ${next.deadLettersNote({ kind: "follower", identifier })}`;
  return `${expired} expired, ${rejected} rejected${look}`;
}

function auditText({ at, event, details }: AuditEntry, now: number): string {
  const shown = Object.entries(details).map(([name, value]) => `${name} ${value}`);
  return plainText([ageText(at, now).padEnd(12), event, shown.join(", ")].join("  ")).trimEnd();
}
