import type { Command } from "commander";
import { addClusterOptions, type ClusterOptions, withCluster } from "../cli/clusterAccess.ts";
import { print, printJson } from "../cli/output.ts";

interface TopOptions extends ClusterOptions {
  readonly once?: true;
  readonly json?: true;
}

export function addTopCommand(program: Command): void {
  addClusterOptions(
    program
      .command("top")
      .description("the cluster at a glance, anew each second: nodes, followers, queues, rules, dead letters")
      .option("--once", "print it once as plain lines, as it is done without a terminal")
      .option("--json", "print it once as one JSON object; instants are unix milliseconds"),
  )
    .addHelpText(
      "after",
      "\nExample:\n  yonexus top\n  yonexus top --json | jq .followers\n\nKeys: q quits, ← and → sort, ↑ and ↓ turn pages, home and end, tab goes to the next table.\nFollowers are counted a page a second, so that looking costs the same however many there are.",
    )
    .action((options: TopOptions) =>
      withCluster(options, async (cluster) => {
        const { canDraw } = await import("../cli/top/terminal.ts");
        if (options.json !== true && options.once !== true && canDraw()) {
          const { LiveTop } = await import("../cli/top/liveTop.ts");
          await new LiveTop(cluster).run();
          return;
        }
        const { lookOnce } = await import("../cli/top/lookOnce.ts");
        const snapshot = await lookOnce(cluster);
        if (options.json === true) {
          printJson(snapshot);
        } else {
          const { topText } = await import("../cli/top/topText.ts");
          print(topText(snapshot));
        }
      }),
    );
}
