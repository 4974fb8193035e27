import { approvalText } from "@yonexus/protocol/operator";
import type { ApprovalOutcome } from "@yonexus/protocol/redis";
import type { Command } from "commander";
import { parsePairing } from "../cli/arguments.ts";
import { addClusterOptions } from "../cli/clusterAccess.ts";
import { type DecideOptions, decidePairing } from "../cli/decidePairing.ts";
import { nextSteps } from "../cli/nextSteps.ts";

export function addApproveCommand(program: Command): void {
  addClusterOptions(
    program
      .command("approve")
      .description("let in a follower that waits, without its code: compare the fingerprint with what it shows, first")
      .argument(
        "<id>",
        "the id that `yonexus pairings` shows; with --fingerprint, the follower will do while one pairing of it waits",
        parsePairing,
      )
      .option(
        "--fingerprint <fingerprint>",
        "refuse unless the key's fingerprint begins with this; all of it with a follower's name",
      )
      .option("--json", "one JSON object on standard output"),
  )
    .addHelpText("after", "\nExample:\n  yonexus pairings\n  yonexus approve 7k3m9qxv")
    .action((id: string, options: DecideOptions) =>
      decidePairing<ApprovalOutcome>(id, options, {
        verb: "approve",
        needsKey: true,
        decide: async (pairings, { identifier, fingerprint, pairingId }, by) =>
          pairings.approve(identifier, fingerprint, pairingId, by),
        text: (outcome, pairing) => approvalText(outcome, pairing, nextSteps),
        done: ["approved", "already"],
      }),
    );
}
