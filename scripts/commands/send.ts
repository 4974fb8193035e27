import { MessageSender } from "@yonexus/protocol/redis";
import type { Command } from "commander";
import { parseIdentifier, parseMessage, wholeNumber } from "../cli/arguments.ts";
import { QuietFailure } from "../cli/cliError.ts";
import { addClusterOptions, type ClusterOptions, withCluster } from "../cli/clusterAccess.ts";
import { print, printJson } from "../cli/output.ts";
import { sendText } from "../cli/sendText.ts";
import { readInput } from "../cli/standardInput.ts";

interface SendOptions extends ClusterOptions {
  readonly json?: true;
  readonly timeout: number;
}

const DEFAULT_TIMEOUT_MS = 5_000;

export function addSendCommand(program: Command): void {
  addClusterOptions(
    program
      .command("send")
      .description("send a message to a follower; exits 0 only when it was delivered")
      .argument("<identifier>", "the follower", parseIdentifier)
      .argument("<message>", "rule::content, or - to read it from standard input")
      .option("--json", "the result as one JSON object on standard output")
      .option(
        "--timeout <ms>",
        "how long to wait for the receipt",
        wholeNumber("a timeout in milliseconds", 1, 600_000),
        DEFAULT_TIMEOUT_MS,
      ),
  )
    .addHelpText("after", "\nExample:\n  yonexus send alpha 'chat::hello'\n  yonexus send alpha - < message.txt")
    .action(async (identifier: string, given: string, options: SendOptions) => {
      const message = parseMessage(given === "-" ? await readInput() : given);
      await withCluster(options, async ({ redis, keys, config, connect }) => {
        const sender = new MessageSender(redis, connect("subscriber"), keys, { maxFrameBytes: config.maxFrameBytes });
        const result = await sender.sendMessageToClient(identifier, message, { timeoutMs: options.timeout });
        if (options.json === true) printJson(result);
        else print(sendText(identifier, result));
        if (result.result !== "delivered") throw new QuietFailure();
      });
    });
}
