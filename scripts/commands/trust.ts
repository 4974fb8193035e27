import type { Command } from "commander";
import { UsageError } from "../cli/cliError.ts";
import { addClusterOptions } from "../cli/clusterAccess.ts";
import type { ExportOptions } from "../cli/trust/exportTrust.ts";
import type { ImportOptions } from "../cli/trust/importTrust.ts";

export function addTrustCommand(program: Command): void {
  const trust = program
    .command("trust")
    .description("carry the allowlist, keys and secrets of followers from one cluster to another")
    .addHelpText(
      "after",
      "\nExample:\n  yonexus trust export --out followers.json\n  yonexus trust import followers.json --dry-run",
    );

  addClusterOptions(
    trust
      .command("export")
      .description("write them into a file that a passphrase seals; it is asked for twice")
      .option("--out <file>", "a new file that only you can read; standard output unless given")
      .option("--json", "with --out, one JSON object on standard output: file, followers, paired"),
  )
    .addHelpText(
      "after",
      "\nExample:\n  yonexus trust export --out followers.json\n\nWithout a terminal the passphrase is read from the file that YONEXUS_PASSPHRASE_FILE names.\nSecrets are opened with the cluster's master key: YONEXUS_MASTER_KEY, or that of the data folder.",
    )
    .action(async (options: ExportOptions) => {
      if (options.json === true && options.out === undefined) {
        throw new UsageError("--json tells of the file that --out names: without it standard output is the file.");
      }
      // What seals is loaded by nothing else.
      const { exportTrust } = await import("../cli/trust/exportTrust.ts");
      await exportTrust(options);
    });

  addClusterOptions(
    trust
      .command("import")
      .description("bring the followers of such a file into the cluster, or those of a single-process Yonexus.Server")
      .argument(
        "<file>",
        "the file of `yonexus trust export`, or a JSON file with clients: identifier, publicKey, secret",
      )
      .option("--dry-run", "only show what it would do")
      .option("--replace", "where another trust is here, take what the file says; sessions that it let in end")
      .option("--json", "one JSON object on standard output: dryRun, followers, unread"),
  )
    .addHelpText(
      "after",
      "\nExample:\n  yonexus trust import followers.json --dry-run\n  yonexus trust import followers.json\n\nWhat is here already stays as it is: a second import changes nothing.\nExits 1 when something in the file could not be read, or was left out without being asked.",
    )
    .action(async (file: string, options: ImportOptions) => {
      const { importTrust } = await import("../cli/trust/importTrust.ts");
      await importTrust(file, options);
    });
}
