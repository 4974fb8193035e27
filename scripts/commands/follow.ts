import { homedir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { parseIdentifier, parseWebSocketUrl } from "../cli/arguments.ts";

interface FollowOptions {
  readonly url: string[];
  readonly identifier: string;
  readonly state?: string;
  readonly json?: true;
}

export function addFollowCommand(program: Command): void {
  program
    .command("follow")
    .description("be a follower at this terminal: pair, print what arrives, send what is typed as rule::content")
    .requiredOption(
      "--url <url...>",
      "a node, or the load balancer before the nodes: ws:// or wss://; several are tried in turn",
      (text: string, before: string[] = []) => [...before, parseWebSocketUrl(text)],
    )
    .requiredOption("--identifier <identifier>", "the follower's name, as it stands in the allowlist", parseIdentifier)
    .option("--state <file>", "where its key and secret are kept (default: ~/.yonexus/<identifier>.json)")
    .option("--json", "one JSON object a line for each event")
    .addHelpText(
      "after",
      "\nExample:\n  yonexus follow --url ws://127.0.0.1:8787 --identifier alpha\n\nStandard input: the pairing code when one is asked for, else messages, one a line.",
    )
    .action(async (options: FollowOptions) => {
      const { runFollower } = await import("../cli/follow/runFollower.ts");
      const { url, identifier, state } = options;
      const stateFile = state ?? join(homedir(), ".yonexus", `${identifier}.json`);
      await runFollower({ url, identifier, stateFile }, options.json === true);
    });
}
