import { FOLLOWER_COLUMNS, followerRow, renderTable } from "@yonexus/protocol/operator";
import { FollowerDirectory, type FollowerSummary, redisNow } from "@yonexus/protocol/redis";
import type { Command } from "commander";
import { addClusterOptions, type ClusterOptions, withCluster } from "../cli/clusterAccess.ts";
import { print, printJson } from "../cli/output.ts";

interface ClientsOptions extends ClusterOptions {
  readonly json?: true;
}

export function addClientsCommand(program: Command): void {
  addClusterOptions(
    program
      .command("clients")
      .description("all followers: status, node, last seen, pairing")
      .option("--json", "one JSON array on standard output; instants are unix milliseconds"),
  )
    .addHelpText(
      "after",
      "\nExample:\n  yonexus clients\n  yonexus clients --json | jq '.[] | select(.status == \"online\")'",
    )
    .action((options: ClientsOptions) =>
      withCluster(options, async ({ redis, keys }) => {
        const followers: FollowerSummary[] = [];
        for await (const follower of new FollowerDirectory(redis, keys).all()) followers.push(follower);
        if (options.json === true) {
          printJson(followers);
        } else if (followers.length === 0) {
          print("There are no followers yet: yonexus allow add alpha");
        } else {
          const now = await redisNow(redis);
          print(
            renderTable(
              FOLLOWER_COLUMNS,
              followers.map((follower) => followerRow(follower, now)),
            ),
          );
        }
      }),
    );
}
