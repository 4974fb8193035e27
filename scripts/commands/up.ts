import { type Config, loadConfig, nodeCertificateFiles } from "@yonexus/protocol/config";
import { loadMasterKey, lockFolder, openDataDir, planLocalRedis } from "@yonexus/protocol/local";
import { redisPlace } from "@yonexus/protocol/operator";
import { Keys, TrustStore } from "@yonexus/protocol/redis";
import { readCertificatePair } from "@yonexus/protocol/tls";
import type { Command } from "commander";
import { collectIdentifiers, wholeNumber } from "../cli/arguments.ts";
import { QuietFailure, UsageError } from "../cli/cliError.ts";
import { connectCluster, redisTlsFor, withCluster } from "../cli/clusterAccess.ts";
import { DEFAULT_DATA_DIR, OTHER_DATA_DIR } from "../cli/dataDirOption.ts";
import { adminPortsOf } from "../cli/local/adminPorts.ts";
import { type ClusterScreen, jsonScreen, terminalScreen } from "../cli/local/clusterScreen.ts";
import { LocalCluster, type LocalClusterPlan } from "../cli/local/localCluster.ts";
import { ownCommand } from "../cli/local/ownCommand.ts";
import { planCluster } from "../cli/local/planCluster.ts";
import { ADMIN_ADDRESS, requireFreePorts } from "../cli/local/ports.ts";
import { complain, onReaderGone } from "../cli/output.ts";
import { onStopSignal } from "../cli/stopSignals.ts";

interface UpOptions {
  readonly nodes: number;
  readonly port?: number;
  readonly dataDir: string;
  readonly follower?: readonly string[];
  readonly config?: string;
  readonly json?: true;
}

const MAX_PORT = 65_535;

export function addUpCommand(program: Command): void {
  program
    .command("up")
    .description("start a whole cluster on this machine: nodes, a coordinator, and a Redis unless REDIS_URL names one")
    .option("--nodes <count>", "how many nodes", wholeNumber("a number of nodes", 1, 64), 2)
    .option(
      "--port <port>",
      "the port of the first node, the others follow (default: YONEXUS_LISTEN_PORT, else 8787)",
      wholeNumber("a port", 0, MAX_PORT),
    )
    .option("--data-dir <folder>", "where data, logs and the master key are kept", DEFAULT_DATA_DIR)
    .option("--follower <identifier...>", "lets these followers in, as `yonexus allow add` does", collectIdentifiers)
    .option("--config <file>", "a JSON file with settings; the environment beats it")
    .option("--json", "one JSON object a line for each event, `ready` first")
    .addHelpText("after", "\nExample:\n  yonexus up --nodes 3 --port 9000 --follower alpha")
    .action(up);
}

async function up(options: UpOptions): Promise<void> {
  const config = loadConfig({ env: process.env, file: options.config });
  const ports = portsOf(options.port ?? config.listenPort, options.nodes);
  const adminPorts = adminPortsOf(config.adminPort, ports);
  // Looked at first, so that a wrong one ends in one sentence and not in the logs of the nodes.
  const certificateFiles = nodeCertificateFiles(config);
  if (certificateFiles !== undefined) readCertificatePair(certificateFiles);
  const dir = openDataDir(options.dataDir, OTHER_DATA_DIR);
  const lock = lockFolder(dir);
  const screen = options.json === true ? jsonScreen : terminalScreen;
  try {
    await requireFreePorts(
      config.listenHost,
      ports.filter((port) => port !== 0),
      lock.wasLeftBehind,
    );
    await requireFreePorts(
      config.adminHost,
      adminPorts.filter((port) => port !== 0),
      lock.wasLeftBehind,
      ADMIN_ADDRESS,
    );
    const masterKey = config.masterKeys.length === 0 ? loadMasterKey(dir.path) : undefined;
    const configFile = options.config;
    const wishes = {
      ...{ config, dir, ports, adminPorts, env: process.env },
      ...(masterKey === undefined ? {} : { masterKey }),
      ...(configFile === undefined ? {} : { configFile }),
    };
    if (config.redisUrl !== undefined) {
      // Asked first, so that a wrong URL ends in one sentence and not in logs of processes that wait.
      await withCluster(configFile === undefined ? {} : { config: configFile }, () => Promise.resolve());
      await runCluster(
        new LocalCluster(letIn(options, config, planCluster(wishes, { url: config.redisUrl })), screen),
        screen,
      );
      return;
    }
    const redis = await planLocalRedis(dir, process.env, (socketPath) => ownCommand(["embedded-redis", socketPath]));
    try {
      await runCluster(new LocalCluster(letIn(options, config, planCluster(wishes, redis)), screen), screen);
    } finally {
      redis.remove();
    }
  } finally {
    lock.release();
  }
}

/** The followers that the command names are let in by hand: whoever was let in before stays, whoever was revoked is back. */
function letIn({ follower = [] }: UpOptions, config: Config, plan: LocalClusterPlan): LocalClusterPlan {
  const [first] = follower;
  if (first === undefined) return plan;
  const redisUrl = plan.about.redis;
  const tls = redisTlsFor(redisUrl, config);
  const target = { config, redisUrl, tls, keys: new Keys(plan.keyPrefix), place: redisPlace(redisUrl) };
  return {
    ...plan,
    about: { ...plan.about, follower: first },
    prepare: () =>
      connectCluster(target, async ({ redis, keys }) => {
        await new TrustStore(redis, keys).allow([...new Set(follower)]);
      }),
  };
}

/** Until a stop signal, or until the cluster cannot go on. Nothing that was started outlives this. */
async function runCluster(cluster: LocalCluster, screen: ClusterScreen): Promise<void> {
  const stopAsked = Promise.withResolvers<void>();
  let forced: Promise<void> | undefined;
  onStopSignal({
    stop: stopAsked.resolve,
    force: () => {
      complain("Ending at once.");
      forced ??= cluster.kill();
    },
  });
  onReaderGone(stopAsked.resolve);
  let isReady = false;
  try {
    const starting = cluster.start().then(() => {
      isReady = true;
    });
    await Promise.race([starting, stopAsked.promise, cluster.broken]);
    if (isReady) await Promise.race([stopAsked.promise, cluster.broken]);
    else starting.catch(() => {});
  } finally {
    if (isReady) screen.stopping();
    await cluster.stop();
    await forced;
    if (isReady) screen.stopped();
  }
  if (forced !== undefined) throw new QuietFailure();
}

function portsOf(first: number, count: number): number[] {
  if (first === 0) return Array.from({ length: count }, () => 0);
  if (first + count - 1 > MAX_PORT) {
    throw new UsageError(`${count} nodes from port ${first} on go past ${MAX_PORT}: choose a lower --port.`);
  }
  return Array.from({ length: count }, (_, index) => first + index);
}
