import type { Command } from "commander";
import { parseIdentifier } from "../cli/arguments.ts";
import { type ClearOptions, clearTrust } from "../cli/clearTrust.ts";
import { addClusterOptions } from "../cli/clusterAccess.ts";

export function addRevokeCommand(program: Command): void {
  addClusterOptions(
    program
      .command("revoke")
      .description("forget a follower's key and secret and take it off the allowlist")
      .argument("<identifier>", "the follower", parseIdentifier)
      .option("--json", "one JSON object on standard output"),
  )
    .addHelpText("after", "\nExample:\n  yonexus revoke alpha")
    .action((identifier: string, options: ClearOptions) =>
      clearTrust(identifier, options, {
        reason: "revoke",
        disallow: true,
        done: `${identifier} is out: it is allowed no longer, and its trust is forgotten.`,
        next: `To let it in again: yonexus allow add ${identifier}, then it pairs anew.`,
      }),
    );
}
