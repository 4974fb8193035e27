import { ConfigError } from "@yonexus/protocol/config";
import { broken, checkDiscord, examineCluster, type Finding, findingsText, ok } from "@yonexus/protocol/operator";
import { RedisUrlError, SchemaMismatchError } from "@yonexus/protocol/redis";
import { CertificateError } from "@yonexus/protocol/tls";
import type { Command } from "commander";
import { CliError, QuietFailure } from "../cli/cliError.ts";
import {
  addClusterOptions,
  type ClusterAccess,
  type ClusterOptions,
  connectCluster,
  findCluster,
} from "../cli/clusterAccess.ts";
import { nextSteps } from "../cli/nextSteps.ts";
import { print, printJson } from "../cli/output.ts";

interface DoctorOptions extends ClusterOptions {
  readonly json?: true;
}

export function addDoctorCommand(program: Command): void {
  addClusterOptions(
    program
      .command("doctor")
      .description(
        "look for what is wrong: configuration, Redis, clocks, nodes, coordinators, master keys, queues, dead letters, Discord",
      )
      .option("--json", "one JSON object: healthy, findings"),
  )
    .addHelpText(
      "after",
      "\nExample:\n  yonexus doctor\n\nExits 1 when something is broken; what is only to be looked at does not count.",
    )
    .action(async (options: DoctorOptions) => {
      const findings = await examine(options);
      const healthy = findings.every(({ status }) => status !== "broken");
      if (options.json === true) printJson({ healthy, findings });
      else print(findingsText(findings));
      if (!healthy) throw new QuietFailure();
    });
}

async function examine(options: DoctorOptions): Promise<Finding[]> {
  const findings: Finding[] = [];
  try {
    const target = findCluster(options);
    findings.push(ok("configuration", `notices by ${target.config.notifier}, keys under "${target.keys.prefix}"`));
    if (target.config.notifier === "discord") findings.push(await checkDiscord(target.config, nextSteps));
    await connectCluster(target, async (cluster) => {
      findings.push(ok("redis", `answers at ${target.place}`), ...(await examineAll(cluster)));
    });
  } catch (error) {
    findings.push(...failureFindings(error));
  }
  return findings;
}

function examineAll({ redis, keys, config, file, connect }: ClusterAccess): Promise<Finding[]> {
  return examineCluster({
    ...{ redis, keys, leaseMs: config.leaseMs, next: nextSteps },
    // Those of the environment are for the Redis of the environment: a cluster of a folder has its own.
    masterKeys: file === undefined ? config.masterKeys : [],
    more: async () => {
      // Of all commands only this one asks BullMQ, which takes its time to load.
      const { checkQueues } = await import("../cli/doctor/queueChecks.ts");
      return checkQueues(connect("producer"), keys);
    },
  });
}

const OF_REDIS = [CliError, SchemaMismatchError, CertificateError, RedisUrlError];

/** What kept the examination from going on. */
function failureFindings(error: unknown): Finding[] {
  if (error instanceof ConfigError) {
    return error.problems.map((problem) => broken("configuration", problem, "See docs/configuration.md."));
  }
  if (error instanceof Error && OF_REDIS.some((kind) => error instanceof kind)) {
    const [found = "", ...mend] = error.message.split(/(?<=\.) (?=[A-Z])/u);
    return [broken("redis", found.replace(/\.$/u, ""), mend.join(" ") || "Mend it, and run this again.")];
  }
  throw error;
}
