import { ageText, plainText, renderTable } from "@yonexus/protocol/operator";
import {
  type DeadLetter,
  type DeadLetterPlace,
  DeadLetters,
  MessageQueue,
  type RetriedLetters,
  redisNow,
} from "@yonexus/protocol/redis";
import type { Command } from "commander";
import { collectLetterIds, parseIdentifier, parseRule } from "../cli/arguments.ts";
import { QuietFailure, UsageError } from "../cli/cliError.ts";
import { addClusterOptions, type ClusterAccess, type ClusterOptions, withCluster } from "../cli/clusterAccess.ts";
import { print, printAndDrain, printJson } from "../cli/output.ts";

interface PlaceOptions extends ClusterOptions {
  readonly rule?: string;
  readonly follower?: string;
  readonly json?: true;
}

interface ListOptions extends PlaceOptions {
  readonly content?: true;
}

interface ChoiceOptions extends PlaceOptions {
  readonly all?: true;
}

export function addDeadLettersCommand(program: Command): void {
  const letters = program
    .command("dead-letters")
    .description("messages that could not be handled or delivered: look at them, try them again, or drop them")
    .addHelpText("after", "\nExample:\n  yonexus dead-letters list\n  yonexus dead-letters retry --rule chat --all");

  addPlaceOptions(
    letters.command("list").description("what lies there, the oldest first; of all places unless one is named"),
  )
    .option("--content", "show what the messages hold, too")
    .option("--json", "one JSON object a line on standard output")
    .addHelpText("after", "\nExample:\n  yonexus dead-letters list --rule chat --content")
    .action((options: ListOptions) => {
      const place = readPlace(options);
      return withCluster(options, (cluster) => list(cluster, place, options));
    });

  addChoiceOptions(
    letters.command("retry").description("put messages back: into the rule's inbox, or the follower's queue"),
  )
    .addHelpText("after", "\nExample:\n  yonexus dead-letters retry --follower alpha 1700000000000-0")
    .action((ids: readonly string[], options: ChoiceOptions) => {
      const choice = readChoice(ids, options);
      return withCluster(options, (cluster) => retry(cluster, choice, options));
    });

  addChoiceOptions(letters.command("drop").description("throw messages away for good"))
    .addHelpText("after", "\nExample:\n  yonexus dead-letters drop --rule chat --all")
    .action((ids: readonly string[], options: ChoiceOptions) => {
      const choice = readChoice(ids, options);
      return withCluster(options, (cluster) => drop(cluster, choice, options));
    });
}

function addPlaceOptions(command: Command): Command {
  return addClusterOptions(command)
    .option("--rule <rule>", "those that the handlers of a rule could not handle", parseRule)
    .option("--follower <identifier>", "those that a follower never got", parseIdentifier);
}

function addChoiceOptions(command: Command): Command {
  return addPlaceOptions(command.argument("[id...]", "the messages, as `list` names them", collectLetterIds))
    .option("--all", "all of them")
    .option("--json", "the result as one JSON object on standard output");
}

interface Choice {
  readonly place: DeadLetterPlace;
  /** Undefined: all. */
  readonly ids: readonly string[] | undefined;
}

function readChoice(ids: readonly string[], options: ChoiceOptions): Choice {
  const place = readPlace(options);
  if (place === undefined) throw new UsageError("Say where they lie: --rule RULE or --follower IDENTIFIER.");
  if (options.all === true && ids.length > 0) throw new UsageError("Name messages or give --all, not both.");
  if (options.all !== true && ids.length === 0) {
    throw new UsageError("Say which: the ids that `yonexus dead-letters list` shows, or --all.");
  }
  return { place, ids: options.all === true ? undefined : ids };
}

function readPlace({ rule, follower }: PlaceOptions): DeadLetterPlace | undefined {
  if (rule !== undefined && follower !== undefined) {
    throw new UsageError("Give --rule or --follower, not both: dead letters lie with one of them.");
  }
  if (rule !== undefined) return { kind: "rule", rule };
  return follower === undefined ? undefined : { kind: "follower", identifier: follower };
}

async function list(
  { redis, keys }: ClusterAccess,
  named: DeadLetterPlace | undefined,
  options: ListOptions,
): Promise<void> {
  const letters = new DeadLetters(redis, keys);
  const places = named === undefined ? (await letters.places()).map(({ place }) => place) : [named];
  if (options.json === true) {
    for (const place of places) {
      for await (const { content, ...letter } of letters.all(place)) {
        const shown = options.content === true ? { ...letter, content } : letter;
        await printAndDrain(JSON.stringify({ place: placeText(place), ...shown, bytes: Buffer.byteLength(content) }));
      }
    }
    return;
  }
  const now = await redisNow(redis);
  const header = ["where", "id", "when", "follower", "message", "tries", "bytes", "why"];
  const rows: string[][] = [];
  for (const place of places) {
    for await (const letter of letters.all(place)) rows.push(row(place, letter, now, options.content === true));
  }
  if (rows.length === 0) {
    print(named === undefined ? "There are no dead letters." : `There are no dead letters of the ${placeText(named)}.`);
    return;
  }
  await printAndDrain(renderTable(options.content === true ? [...header, "content"] : header, rows));
}

function row(place: DeadLetterPlace, letter: DeadLetter, now: number, withContent: boolean): string[] {
  const { id, at, identifier, messageId = "", tries, content, reason } = letter;
  const cells = [placeText(place), id, ageText(at, now), identifier, messageId, String(tries)];
  cells.push(String(Buffer.byteLength(content)), plainText(reason));
  if (withContent) cells.push(plainText(place.kind === "rule" ? content : `${letter.rule}::${content}`));
  return cells;
}

async function retry(cluster: ClusterAccess, { place, ids }: Choice, options: ChoiceOptions): Promise<void> {
  const { redis, keys, config } = cluster;
  const letters = new DeadLetters(redis, keys);
  const chosen = ids ?? (await idsOf(letters, place));
  const limits = { maxMessages: config.queueMessages, maxBytes: config.queueBytes };
  const result =
    place.kind === "rule"
      ? await letters.retryForRule(place.rule, chosen, config.ruleBacklog)
      : await letters.retryForFollower(place.identifier, chosen, new MessageQueue(redis, keys), limits);
  if (options.json === true) printJson(result);
  else printRetried(place, result);
  requireAny(result.retried, chosen);
}

function printRetried(place: DeadLetterPlace, result: RetriedLetters): void {
  const goal = place.kind === "rule" ? "are in the inbox again" : "are queued again, for a day";
  print(`${result.retried} ${goal}.${missingText(result.missing)}`);
  if (result.refused > 0) {
    print(
      place.kind === "rule"
        ? `${result.refused} stay: the inbox is full. Try again when its handlers have caught up.`
        : `${result.refused} stay: the queue of ${place.identifier} is full, or it is not allowed. Look with \`yonexus client show ${place.identifier}\`.`,
    );
  }
}

async function drop({ redis, keys }: ClusterAccess, { place, ids }: Choice, options: ChoiceOptions): Promise<void> {
  const letters = new DeadLetters(redis, keys);
  const chosen = ids ?? (await idsOf(letters, place));
  const dropped = await letters.drop(place, chosen);
  if (options.json === true) printJson({ dropped, missing: chosen.length - dropped });
  else print(`${dropped} dropped.${missingText(chosen.length - dropped)}`);
  requireAny(dropped, chosen);
}

/** With `--all` of none there was nothing to do, and that is done. */
function requireAny(done: number, chosen: readonly string[]): void {
  if (done === 0 && chosen.length > 0) throw new QuietFailure();
}

async function idsOf(letters: DeadLetters, place: DeadLetterPlace): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of letters.all(place)) ids.push(id);
  return ids;
}

function missingText(missing: number): string {
  return missing === 0 ? "" : ` ${missing} were not there.`;
}

function placeText(place: DeadLetterPlace): string {
  return place.kind === "rule" ? `rule ${plainText(place.rule)}` : `follower ${place.identifier}`;
}
