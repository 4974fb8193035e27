import type { Command } from "commander";
import { parseIdentifier } from "../cli/arguments.ts";
import { type ClearOptions, clearTrust } from "../cli/clearTrust.ts";
import { addClusterOptions } from "../cli/clusterAccess.ts";

export function addRepairCommand(program: Command): void {
  addClusterOptions(
    program
      .command("repair")
      .description("forget a follower's key and secret: it stays allowed and must pair again")
      .argument("<identifier>", "the follower", parseIdentifier)
      .option("--json", "one JSON object on standard output"),
  )
    .addHelpText("after", "\nExample:\n  yonexus repair alpha")
    .action((identifier: string, options: ClearOptions) =>
      clearTrust(identifier, options, {
        reason: "repair",
        disallow: false,
        done: `${identifier} must pair again.`,
        next: "Next: it asks for a new code as soon as it connects.",
      }),
    );
}
