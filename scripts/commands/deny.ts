import { denialText } from "@yonexus/protocol/operator";
import type { DenialOutcome } from "@yonexus/protocol/redis";
import type { Command } from "commander";
import { parsePairing } from "../cli/arguments.ts";
import { addClusterOptions } from "../cli/clusterAccess.ts";
import { type DecideOptions, decidePairing } from "../cli/decidePairing.ts";
import { nextSteps } from "../cli/nextSteps.ts";

export function addDenyCommand(program: Command): void {
  addClusterOptions(
    program
      .command("deny")
      .description("refuse a follower that waits to be paired: it is told so, and stops asking")
      .argument(
        "<id>",
        "the id that `yonexus pairings` shows, or the follower when one pairing of it waits",
        parsePairing,
      )
      .option("--fingerprint <fingerprint>", "do nothing unless the key's fingerprint begins with this")
      .option("--json", "one JSON object on standard output"),
  )
    .addHelpText("after", "\nExample:\n  yonexus pairings\n  yonexus deny 7k3m9qxv")
    .action((id: string, options: DecideOptions) =>
      decidePairing<DenialOutcome>(id, options, {
        verb: "deny",
        needsKey: false,
        decide: async (pairings, { identifier, fingerprint, pairingId }, by) =>
          pairings.deny(identifier, fingerprint, pairingId, by),
        text: (outcome, pairing) => denialText(outcome, pairing, nextSteps),
        done: ["denied"],
      }),
    );
}
