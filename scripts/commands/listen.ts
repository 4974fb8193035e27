import { plainText } from "@yonexus/protocol/operator";
import {
  checkSend,
  type InboundMessage,
  InvalidMessageError,
  MessageSender,
  RuleConsumer,
  RuleHeldError,
  relayTo,
  replyWith,
  type SendResult,
  TrustStore,
} from "@yonexus/protocol/redis";
import type { Command } from "commander";
import { parseGroup, parseIdentifier, parseRule } from "../cli/arguments.ts";
import { CliError, UsageError } from "../cli/cliError.ts";
import { addClusterOptions, type ClusterAccess, type ClusterOptions, withCluster } from "../cli/clusterAccess.ts";
import { failedTryText } from "../cli/failedTryText.ts";
import { nextSteps } from "../cli/nextSteps.ts";
import { complain, onReaderGone, printAndDrain } from "../cli/output.ts";
import { onStopSignal } from "../cli/stopSignals.ts";

interface ListenOptions extends ClusterOptions {
  readonly json?: true;
  readonly group: string;
  readonly reply?: string;
  readonly relayTo?: string;
}

/** A message whose printing was under way counts as handled; Redis may be away by then. */
const LEAVE_TIMEOUT_MS = 2_000;
const MAX_TRIES = 5;
/** Messages that are kept in mind as printed while they wait to be tried again. */
const MAX_PRINTED = 1_024;

export function addListenCommand(program: Command): void {
  addClusterOptions(
    program
      .command("listen")
      .description("print what followers send to a rule, until Ctrl-C")
      .argument("<rule>", "the rule", parseRule)
      .option("--json", "one JSON object a line: rule, identifier, content, id")
      .option("--group <name>", "those who listen to a rule in one group share its messages", parseGroup, "cli")
      .option("--reply <text>", "answer each message with this text, as rule::text, queued until the follower has it")
      .option(
        "--relay-to <identifier>",
        "pass each message on to a follower, as rule::sender::content",
        parseIdentifier,
      ),
  )
    .addHelpText(
      "after",
      "\nExample:\n  yonexus listen chat\n  yonexus listen chat --json --group importer\n  yonexus listen ping --reply pong",
    )
    .action((rule: string, options: ListenOptions) =>
      withCluster(options, (cluster) => listen(cluster, rule, options)),
    );
}

async function listen(cluster: ClusterAccess, rule: string, options: ListenOptions): Promise<void> {
  const { redis, keys, config, connect, place } = cluster;
  if (options.reply !== undefined) checkReply(rule, options.reply, config.maxFrameBytes);
  if (options.relayTo !== undefined) await checkReceiver(new TrustStore(redis, keys), options.relayTo);
  const queue = {
    maxMessages: config.queueMessages,
    maxBytes: config.queueBytes,
    ttlMs: config.queueTtlSeconds * 1000,
  };
  const sender = new MessageSender(redis, connect("subscriber"), keys, { maxFrameBytes: config.maxFrameBytes, queue });
  const relay = options.relayTo === undefined ? undefined : relayTo(options.relayTo, sender, { delivery: "queued" });
  const answer = replyWith(sender, { delivery: "queued" }, complainOfReply);
  const printed = new Set<string>();
  const ended = Promise.withResolvers<void>();
  let away = false;
  const consumer = new RuleConsumer(redis, connect("blocking"), keys, {
    rule,
    group: options.group,
    maxTries: MAX_TRIES,
    handler: async (message) => {
      // By its attempt alone it cannot be told: the replica that had the first may have died before it printed.
      if (!printed.delete(message.id)) await printAndDrain(shown(message, options.json === true));
      try {
        await relay?.(message);
        if (options.reply !== undefined) await answer(message, options.reply);
      } catch (error) {
        complain(failedTryText(message, MAX_TRIES, error));
        if (message.attempt < MAX_TRIES && printed.size < MAX_PRINTED) printed.add(message.id);
        throw error;
      }
    },
    onError: (error) => {
      if (error instanceof RuleHeldError) ended.reject(error);
      else if (!away && redis.status !== "ready") {
        away = true;
        complain(`Redis at ${place} is away: waiting for it.`);
      }
    },
  });
  redis.on("ready", () => {
    if (away) complain("Redis is back.");
    away = false;
  });
  onStopSignal({ stop: ended.resolve, force: () => process.exit(1) });
  onReaderGone(ended.resolve);
  await consumer.start();
  complain(`Listening to ${plainText(rule)} in the group ${options.group}. Ctrl-C ends it.`);
  try {
    await ended.promise;
  } finally {
    await leave(consumer);
    await sender.close();
  }
}

/** @throws UsageError when no follower could be sent the reply. */
function checkReply(rule: string, reply: string, maxFrameBytes: number): void {
  try {
    checkSend("any", `${rule}::${reply}`, { delivery: "queued" }, maxFrameBytes);
  } catch (error) {
    if (!(error instanceof InvalidMessageError)) throw error;
    throw new UsageError(
      `--reply is too long: with the rule, as JSON, it must fit into a frame of ${maxFrameBytes} bytes. Shorten it, or raise YONEXUS_MAX_FRAME_BYTES.`,
    );
  }
}

/** @throws CliError when the receiver is not on the allowlist. */
async function checkReceiver(trust: TrustStore, identifier: string): Promise<void> {
  if ((await trust.lookup(identifier, undefined)).allowed) return;
  throw new CliError(
    `Nothing can be passed on to ${identifier}, which is not on the allowlist: ${nextSteps.allowAgain(identifier)}.`,
  );
}

function shown({ rule, identifier, content, id }: InboundMessage, asJson: boolean): string {
  return asJson ? JSON.stringify({ rule, identifier, content, id }) : `${plainText(identifier)}  ${plainText(content)}`;
}

function complainOfReply({ identifier }: InboundMessage, { result }: SendResult): void {
  complain(`${identifier} got no answer: ${result}. Look with \`yonexus client show ${identifier}\`.`);
}

/** Without Redis the lease lapses by itself. */
async function leave(consumer: RuleConsumer): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((_, reject) => {
    timer = setTimeout(() => reject(new CliError("Redis is away.")), LEAVE_TIMEOUT_MS);
  });
  await Promise.race([consumer.stop(), late])
    .catch(() => {})
    .finally(() => clearTimeout(timer));
}
