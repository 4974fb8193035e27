import {
  type InboundMessage,
  MessageSender,
  NotPassedOnError,
  RuleConsumer,
  RuleHeldError,
  relayTo,
  replyWith,
  type SendResult,
} from "@yonexus/protocol/redis";
import type { Command } from "commander";
import { parseGroup, parseIdentifier, parseRule } from "../cli/arguments.ts";
import { CliError } from "../cli/cliError.ts";
import { addClusterOptions, type ClusterAccess, type ClusterOptions, withCluster } from "../cli/clusterAccess.ts";
import { complain, onReaderGone, printAndDrain } from "../cli/output.ts";
import { plainText } from "../cli/plainText.ts";
import { onStopSignal } from "../cli/stopSignals.ts";

interface ListenOptions extends ClusterOptions {
  readonly json?: true;
  readonly group: string;
  readonly reply?: string;
  readonly relayTo?: string;
}

/** A message whose printing was under way counts as handled; Redis may be away by then. */
const LEAVE_TIMEOUT_MS = 2_000;

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
  const queue = {
    maxMessages: config.queueMessages,
    maxBytes: config.queueBytes,
    ttlMs: config.queueTtlSeconds * 1000,
  };
  const sender = new MessageSender(redis, connect("subscriber"), keys, { maxFrameBytes: config.maxFrameBytes, queue });
  const relay = options.relayTo === undefined ? undefined : relayTo(options.relayTo, sender, { delivery: "queued" });
  const ended = Promise.withResolvers<void>();
  let away = false;
  const consumer = new RuleConsumer(redis, connect("blocking"), keys, {
    rule,
    group: options.group,
    handler: async (message) => {
      const { id, identifier, content } = message;
      await printAndDrain(
        options.json === true
          ? JSON.stringify({ rule, identifier, content, id })
          : `${plainText(identifier)}  ${plainText(content)}`,
      );
      await relay?.(message);
      return options.reply;
    },
    answer: replyWith(sender, { delivery: "queued" }, complainOfReply),
    onError: (error) => {
      if (error instanceof RuleHeldError) ended.reject(error);
      else if (error instanceof NotPassedOnError) complain(plainText(error.message));
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
