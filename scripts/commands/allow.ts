import { ageText, namedStill, plainText, renderTable, sessionClosed } from "@yonexus/protocol/operator";
import { COORDINATOR_SOURCE, FollowerDirectory, isSource, redisNow, TrustStore } from "@yonexus/protocol/redis";
import type { Command } from "commander";
import { collectIdentifiers } from "../cli/arguments.ts";
import { CliError, UsageError } from "../cli/cliError.ts";
import { addClusterOptions, type ClusterAccess, type ClusterOptions, withCluster } from "../cli/clusterAccess.ts";
import { print, printJson } from "../cli/output.ts";

interface AllowOptions extends ClusterOptions {
  readonly json?: true;
}

export function addAllowCommand(program: Command): void {
  const allow = program
    .command("allow")
    .description("the allowlist: the followers that may pair and connect")
    .addHelpText("after", "\nExample:\n  yonexus allow add alpha beta");

  addClusterOptions(
    allow
      .command("add")
      .description("allow followers")
      .argument("<identifier...>", "the followers", collectIdentifiers)
      .option("--json", "one JSON array on standard output"),
  )
    .addHelpText("after", "\nExample:\n  yonexus allow add alpha beta")
    .action((identifiers: readonly string[], options: AllowOptions) =>
      withCluster(options, (cluster) => add(cluster, [...new Set(identifiers)], options)),
    );

  addClusterOptions(
    allow
      .command("remove")
      .description("take followers off the allowlist; their trust stays for when they are allowed again")
      .argument("<identifier...>", "the followers", collectIdentifiers)
      .option("--json", "one JSON array on standard output"),
  )
    .addHelpText("after", "\nExample:\n  yonexus allow remove alpha")
    .action((identifiers: readonly string[], options: AllowOptions) =>
      withCluster(options, (cluster) => remove(cluster, [...new Set(identifiers)], options)),
    );

  addClusterOptions(
    allow
      .command("list")
      .description("the followers that are allowed")
      .option("--json", "one JSON array on standard output"),
  )
    .addHelpText("after", "\nExample:\n  yonexus allow list --json")
    .action((options: AllowOptions) => withCluster(options, (cluster) => list(cluster, options)));

  addClusterOptions(
    allow
      .command("sources")
      .description("the configurations that let followers in, and when each was last in use")
      .option("--json", "one JSON array on standard output"),
  )
    .addHelpText("after", "\nExample:\n  yonexus allow sources")
    .action((options: AllowOptions) => withCluster(options, (cluster) => listSources(cluster, options)));

  addClusterOptions(
    allow
      .command("forget-source")
      .description("drop a configuration: what only that one had let in is taken off the allowlist")
      .argument("<name>", "its name, as `allow sources` shows it", parseSource)
      .option("--json", "one JSON object on standard output"),
  )
    .addHelpText("after", "\nExample:\n  yonexus allow forget-source gateway:3f2a")
    .action((source: string, options: AllowOptions) =>
      withCluster(options, (cluster) => forgetSource(cluster, source, options)),
    );
}

async function add({ redis, keys, file }: ClusterAccess, identifiers: readonly string[], options: AllowOptions) {
  const changed = new Set(await new TrustStore(redis, keys).allow(identifiers));
  if (options.json === true) {
    printJson(identifiers.map((identifier) => ({ identifier, changed: changed.has(identifier) })));
    return;
  }
  for (const identifier of identifiers) {
    print(changed.has(identifier) ? `${identifier} may pair now.` : `${identifier} was allowed already.`);
  }
  const url = file?.nodes[0] ?? "ws://127.0.0.1:8787";
  print(`Next, connect it: npx yonexus follow --url ${url} --identifier ${identifiers[0]}`);
}

async function remove({ redis, keys }: ClusterAccess, identifiers: readonly string[], options: AllowOptions) {
  const trust = new TrustStore(redis, keys);
  const results: {
    identifier: string;
    changed: boolean;
    closedOn?: string;
    configured: boolean;
    configuredBy: readonly string[];
  }[] = [];
  for (const identifier of identifiers) {
    const disallowed = await trust.disallow(identifier);
    const configuredBy = await trust.configuredBy(identifier);
    results.push({ identifier, ...disallowed, configured: configuredBy.length > 0, configuredBy });
  }
  if (options.json === true) {
    printJson(results);
    return;
  }
  for (const { identifier, changed, closedOn, configuredBy } of results) {
    print(
      changed ? `${identifier} is allowed no longer. ${sessionClosed(closedOn)}` : `${identifier} was not allowed.`,
    );
    const still = namedStill(identifier, configuredBy);
    if (still !== undefined) print(still);
  }
  print(`To allow it again: yonexus allow add ${identifiers[0]}`);
}

async function list({ redis, keys }: ClusterAccess, options: AllowOptions) {
  const allowed: string[] = [];
  for await (const follower of new FollowerDirectory(redis, keys).all()) {
    if (follower.allowed) allowed.push(follower.identifier);
  }
  if (options.json === true) {
    printJson(allowed);
    return;
  }
  for (const identifier of allowed) print(identifier);
  if (allowed.length === 0) print("Nobody is allowed yet: yonexus allow add alpha");
}

async function listSources({ redis, keys }: ClusterAccess, options: AllowOptions) {
  const sources = await new TrustStore(redis, keys).sources();
  if (options.json === true) {
    printJson(sources);
    return;
  }
  if (sources.length === 0) {
    print("No configuration names a follower.");
    return;
  }
  const now = await redisNow(redis);
  const rows = sources.map(({ source, renewedAt, followers }) => [source, ageText(renewedAt, now), String(followers)]);
  print(renderTable(["source", "last in use", "followers"], rows));
}

async function forgetSource({ redis, keys }: ClusterAccess, source: string, options: AllowOptions) {
  const { known, removed } = await new TrustStore(redis, keys).forgetSource(source);
  if (!known) {
    throw new CliError(`There is no configuration ${source}: nothing was changed. See \`yonexus allow sources\`.`);
  }
  if (options.json === true) {
    printJson({ source, removed });
    return;
  }
  print(
    removed.length === 0
      ? `${source} is forgotten. Nobody was let in by it alone.`
      : `${source} is forgotten, and what it alone had let in is allowed no longer: ${removed.join(", ")}.`,
  );
  const user = source === COORDINATOR_SOURCE ? "a coordinator starts that has it still" : "its gateway is still there";
  print(`It comes back when ${user}.`);
}

/** @throws UsageError */
function parseSource(text: string): string {
  if (isSource(text)) return text;
  throw new UsageError(
    `${JSON.stringify(plainText(text))} is not a configuration: use a name that \`yonexus allow sources\` shows.`,
  );
}
