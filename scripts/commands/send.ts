import { interruptedText, sendText } from "@yonexus/protocol/operator";
import { MaybeQueuedError, MessageSender, newMessageId, type SendOptions } from "@yonexus/protocol/redis";
import type { Command } from "commander";
import { parseIdentifier, parseMessage, parseMessageId, wholeNumber } from "../cli/arguments.ts";
import { CliError, QuietFailure, UsageError } from "../cli/cliError.ts";
import { addClusterOptions, type ClusterOptions, withCluster } from "../cli/clusterAccess.ts";
import { parseDuration } from "../cli/duration.ts";
import { nextSteps } from "../cli/nextSteps.ts";
import { print, printJson } from "../cli/output.ts";
import { readInput } from "../cli/standardInput.ts";
import { stopRequested } from "../cli/stopSignals.ts";

interface SendCommandOptions extends ClusterOptions {
  readonly queue?: true;
  readonly ttl?: number;
  readonly id?: string;
  readonly wait?: "written" | "acked";
  readonly json?: true;
  readonly timeout: number;
}

const DEFAULT_TIMEOUT_MS = 5_000;

export function addSendCommand(program: Command): void {
  addClusterOptions(
    program
      .command("send")
      .description("send a message to a follower; exits 0 only when it was delivered or queued")
      .argument("<identifier>", "the follower", parseIdentifier)
      .argument("<message>", "rule::content, or - to read it from standard input")
      .option("--queue", "keep it until the follower has it or its time is over")
      .option("--ttl <time>", "how long it is kept: 90s, 10m, 24h, 7d (default: the cluster's, a day)", parseDuration)
      .option(
        "--id <id>",
        "an id of your own: a second send of the same message under it changes nothing",
        parseMessageId,
      )
      .option("--wait <state>", "of a queued message: wait until it is written or acked", parseWait)
      .option("--json", "the result as one JSON object on standard output")
      .option(
        "--timeout <ms>",
        "how long to wait in all",
        wholeNumber("a timeout in milliseconds", 1, 600_000),
        DEFAULT_TIMEOUT_MS,
      ),
  )
    .addHelpText(
      "after",
      "\nExample:\n  yonexus send alpha 'chat::hello'\n  yonexus send alpha - < message.txt\n  yonexus send alpha 'order::17' --queue --ttl 7d --id order-17",
    )
    .action(async (identifier: string, given: string, options: SendCommandOptions) => {
      // Chosen here, so that it can be told also of a send that is interrupted.
      const messageId = options.id ?? newMessageId(identifier).messageId;
      const how = readHow(options, messageId);
      const message = parseMessage(given === "-" ? await readInput() : given);
      await withCluster(options, async ({ redis, keys, config, connect }) => {
        const sender = new MessageSender(redis, connect("subscriber"), keys, {
          maxFrameBytes: config.maxFrameBytes,
          queue: {
            maxMessages: config.queueMessages,
            maxBytes: config.queueBytes,
            ttlMs: config.queueTtlSeconds * 1000,
          },
        });
        const interrupted = stopRequested();
        const result = await Promise.race([
          sender.sendMessageToClient(identifier, message, how).catch(explainDoubt),
          interrupted,
        ]);
        if (result === undefined) throw new CliError(interruptedText(identifier, messageId, nextSteps));
        if (options.json === true) printJson(result);
        else print(sendText(identifier, result, nextSteps));
        if (result.result !== "delivered" && result.result !== "queued") throw new QuietFailure();
      });
    });
}

function readHow({ queue, ttl, wait, timeout }: SendCommandOptions, messageId: string): SendOptions {
  const own = { timeoutMs: timeout, messageId };
  if (queue === true) {
    return {
      ...own,
      delivery: "queued",
      ...(ttl === undefined ? {} : { ttlMs: ttl }),
      ...(wait === undefined ? {} : { waitFor: wait }),
    };
  }
  if (ttl !== undefined) throw new UsageError("--ttl says how long a queued message is kept: add --queue.");
  if (wait !== undefined) throw new UsageError("--wait is for a queued message: add --queue.");
  // So that `yonexus message` can tell of it later.
  return { ...own, record: true };
}

function parseWait(text: string): "written" | "acked" {
  if (text === "written" || text === "acked") return text;
  throw new UsageError("--wait takes written (its connection took it) or acked (the follower has it).");
}

function explainDoubt(error: unknown): never {
  if (!(error instanceof MaybeQueuedError)) throw error;
  throw new CliError(
    `Redis did not answer, or failed at it, so the message may be queued or not. Send it again with --queue --id=${error.messageId}: it is never queued twice.`,
    { cause: error },
  );
}
