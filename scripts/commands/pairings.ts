import { PAIRING_COLUMNS, pairingRow, renderTable } from "@yonexus/protocol/operator";
import type { Command } from "commander";
import { addClusterOptions, type ClusterOptions, withCluster } from "../cli/clusterAccess.ts";
import { pendingPairings } from "../cli/decidePairing.ts";
import { print, printJson } from "../cli/output.ts";

interface PairingsOptions extends ClusterOptions {
  readonly json?: true;
}

export function addPairingsCommand(program: Command): void {
  addClusterOptions(
    program
      .command("pairings")
      .description("the followers that wait to be paired: id, key fingerprint, where from, time left; never a code")
      .option("--json", "one JSON array on standard output; instants are unix milliseconds"),
  )
    .addHelpText("after", "\nExample:\n  yonexus pairings\n  yonexus approve 7k3m9qxv")
    .action((options: PairingsOptions) =>
      withCluster(options, async (cluster) => {
        const { pairings, now } = await pendingPairings(cluster);
        if (options.json === true) {
          printJson(pairings);
        } else if (pairings.length === 0) {
          print("Nobody waits to be paired. A follower that is allowed asks when it connects: yonexus allow add alpha");
        } else {
          const rows = pairings.map((pairing) => pairingRow(pairing, now));
          print(renderTable(PAIRING_COLUMNS, rows));
          print("Compare the fingerprint with what the follower shows; then: yonexus approve ID, or yonexus deny ID");
        }
      }),
    );
}
