import type { Command } from "commander";
import { parseIdentifier } from "../cli/arguments.ts";
import { UsageError } from "../cli/cliError.ts";
import { addClusterOptions, type ClusterOptions, withCluster } from "../cli/clusterAccess.ts";
import { followStatus, showFollowerEvents } from "../cli/events/showEvents.ts";

interface EventsOptions extends ClusterOptions {
  readonly follow?: boolean;
  readonly follower?: string;
  readonly json?: boolean;
}

export function addEventsCommand(program: Command): void {
  addClusterOptions(
    program
      .command("events")
      .description("what happens to followers: the history of one, and all changes of status as they happen")
      .option("--follow", "go on with what happens from now on, until Ctrl-C")
      .option("--follower <identifier>", "all that happened to this one, oldest first", parseIdentifier)
      .option("--json", "one JSON object a line; instants are unix milliseconds"),
  )
    .addHelpText(
      "after",
      "\nExample:\n  yonexus events --follow\n  yonexus events --follower alpha\n  yonexus events --follower alpha --follow --json\n\nOf one follower everything is told, and nothing is missed while Redis is away: its history is kept.\nOf all followers changes of status are told, once, to who listens: what happens while Redis is away is not told later.",
    )
    .action(async ({ follow = false, follower, json = false, ...options }: EventsOptions) => {
      if (follower === undefined && !follow) {
        throw new UsageError(
          "Nothing is kept of all followers together: add --follow to watch them, or --follower with an identifier for the history of one.",
        );
      }
      await withCluster(options, (cluster) =>
        follower === undefined
          ? followStatus(cluster, json)
          : showFollowerEvents(cluster, follower, { follow, asJson: json }),
      );
    });
}
