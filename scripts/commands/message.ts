import { MessageQueue, QUEUE_RETENTION, redisNow } from "@yonexus/protocol/redis";
import type { Command } from "commander";
import { parseIdentifier, parseMessageId } from "../cli/arguments.ts";
import { CliError } from "../cli/cliError.ts";
import { addClusterOptions, type ClusterAccess, type ClusterOptions, withCluster } from "../cli/clusterAccess.ts";
import { messageText } from "../cli/messageText.ts";
import { print, printJson } from "../cli/output.ts";

interface MessageOptions extends ClusterOptions {
  readonly follower?: string;
  readonly json?: true;
}

export function addMessageCommand(program: Command): void {
  addClusterOptions(
    program
      .command("message")
      .description("how far a message got that was sent to a follower; never what it says")
      .argument("<id>", "the message's id, as `yonexus send` printed it", parseMessageId)
      .option("--follower <identifier>", "whom it was sent to, which an id of your own may not tell", parseIdentifier)
      .option("--json", "one JSON object on standard output; instants are unix milliseconds"),
  )
    .addHelpText("after", "\nExample:\n  yonexus message order-17 --follower alpha")
    .action((messageId: string, options: MessageOptions) =>
      withCluster(options, (cluster) => show(cluster, messageId, options)),
    );
}

async function show({ redis, keys }: ClusterAccess, messageId: string, options: MessageOptions): Promise<void> {
  const message = await new MessageQueue(redis, keys).record(messageId, options.follower);
  if (message === undefined) throw new CliError(unknownText(messageId, options.follower));
  if (options.json === true) printJson(message);
  else print(messageText(message, await redisNow(redis)));
}

function unknownText(messageId: string, follower: string | undefined): string {
  const { settledMs, settledMessages } = QUEUE_RETENTION;
  const kept = `records are kept for ${settledMs / 3_600_000} h after the end, of the last ${settledMessages.toLocaleString("en")} messages of a follower`;
  const named =
    follower === undefined ? "If it was sent under an id of your own, name its follower with --follower." : "";
  return `Nothing is known of a message ${messageId}: ${kept}. ${named}`.trim();
}
