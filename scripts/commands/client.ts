import { followerReport, pairingsUnderWay } from "@yonexus/protocol/operator";
import { FollowerDirectory, redisNow } from "@yonexus/protocol/redis";
import type { Command } from "commander";
import { parseIdentifier } from "../cli/arguments.ts";
import { CliError } from "../cli/cliError.ts";
import { addClusterOptions, type ClusterAccess, type ClusterOptions, withCluster } from "../cli/clusterAccess.ts";
import { nextSteps } from "../cli/nextSteps.ts";
import { print, printJson } from "../cli/output.ts";

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
    throw new CliError(`${identifier} is unknown: ${nextSteps.allow(identifier)}.`);
  }
  const now = await redisNow(redis);
  const pairings = await pairingsUnderWay(redis, keys, identifier, now);
  const audit = await directory.audit(identifier, AUDIT_ENTRIES);
  if (options.json === true) printJson({ ...follower, pairings, audit });
  else print(followerReport(follower, pairings, audit, now, nextSteps));
}
