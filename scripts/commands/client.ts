import { type AuditEntry, FollowerDirectory, type FollowerSummary, redisNow } from "@yonexus/protocol/redis";
import type { Command } from "commander";
import { ageText, spanText } from "../cli/age.ts";
import { parseIdentifier } from "../cli/arguments.ts";
import { CliError } from "../cli/cliError.ts";
import { addClusterOptions, type ClusterAccess, type ClusterOptions, withCluster } from "../cli/clusterAccess.ts";
import { lastSeenAt } from "../cli/followerText.ts";
import { print, printJson } from "../cli/output.ts";
import { type PairingUnderWay, pairingsUnderWay } from "../cli/pairingsUnderWay.ts";
import { plainText } from "../cli/plainText.ts";

interface ShowOptions extends ClusterOptions {
  readonly json?: true;
}

const AUDIT_ENTRIES = 10;

export function addClientCommand(program: Command): void {
  const client = program
    .command("client")
    .description("one follower")
    .addHelpText("after", "\nExample:\n  yonexus client show alpha");
  addClusterOptions(
    client
      .command("show")
      .description("one follower: status, trust, pairings under way, and what happened last")
      .argument("<identifier>", "the follower", parseIdentifier)
      .option("--json", "one JSON object on standard output; instants are unix milliseconds"),
  )
    .addHelpText("after", "\nExample:\n  yonexus client show alpha")
    .action((identifier: string, options: ShowOptions) =>
      withCluster(options, (cluster) => show(cluster, identifier, options)),
    );
}

async function show({ redis, keys }: ClusterAccess, identifier: string, options: ShowOptions): Promise<void> {
  const directory = new FollowerDirectory(redis, keys);
  const follower = await directory.find(identifier);
  if (follower === undefined) {
    throw new CliError(`${identifier} is unknown: allow it with \`yonexus allow add ${identifier}\`.`);
  }
  const now = await redisNow(redis);
  const pairings = await pairingsUnderWay(redis, keys, identifier, now);
  const audit = await directory.audit(identifier, AUDIT_ENTRIES);
  if (options.json === true) printJson({ ...follower, pairings, audit });
  else print(describe(follower, pairings, audit, now));
}

function describe(
  follower: FollowerSummary,
  pairings: readonly PairingUnderWay[],
  audit: readonly AuditEntry[],
  now: number,
): string {
  const seenAt = lastSeenAt(follower);
  const facts: [string, string | undefined][] = [
    ["status", follower.status],
    ["node", follower.node],
    ["address", follower.address],
    ["last seen", seenAt === undefined ? "never" : ageText(seenAt, now)],
    ["ended", follower.endReason],
    ["allowed", follower.allowed ? "yes" : `no: yonexus allow add ${follower.identifier}`],
    ["paired", pairedText(follower, now)],
    ["fingerprint", follower.fingerprint],
    ["trust", clearedText(follower, now)],
    ["queued", queuedText(follower)],
    ["not delivered", undeliveredText(follower)],
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

function undeliveredText({ identifier, expired, rejected, deadLetters }: FollowerSummary): string | undefined {
  if (expired + rejected === 0) return undefined;
  const look = deadLetters === 0 ? "" : `: yonexus dead-letters list --follower ${identifier}`;
  return `${expired} expired, ${rejected} rejected${look}`;
}

function auditText({ at, event, details }: AuditEntry, now: number): string {
  const shown = Object.entries(details).map(([name, value]) => `${name} ${value}`);
  return plainText([ageText(at, now).padEnd(12), event, shown.join(", ")].join("  ")).trimEnd();
}
