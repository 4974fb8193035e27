import { Keyring, redisNow, SealedSecrets, sealingKeyIds } from "@yonexus/protocol/redis";
import type { Command } from "commander";
import { CliError, QuietFailure } from "../cli/cliError.ts";
import { addClusterOptions, type ClusterAccess, type ClusterOptions, withCluster } from "../cli/clusterAccess.ts";
import { keyReportText, reportKeys } from "../cli/keys/keyReport.ts";
import { type Rotation, type RotationProgress, rotateKeys } from "../cli/keys/rotateKeys.ts";
import { rotationObstacle } from "../cli/keys/rotationOrder.ts";
import { complain, print, printJson } from "../cli/output.ts";
import { onStopSignal } from "../cli/stopSignals.ts";

interface KeysOptions extends ClusterOptions {
  readonly json?: true;
}

/** Followers that are read together. */
const PAGE = 500;
/** Progress is told this often (ms). */
const TELL_EVERY_MS = 1_000;

export function addKeysCommand(program: Command): void {
  const keys = program
    .command("keys")
    .description("the master keys that seal what is secret in Redis: which is used for what, and how to change it")
    .addHelpText("after", "\nExample:\n  yonexus keys status\n\ndocs/keys.md has the steps of a change.");
  addClusterOptions(
    keys
      .command("status")
      .description("which keys seal how much, which processes have which, and what can be dropped now")
      .option("--json", "one JSON object on standard output; instants are unix milliseconds"),
  )
    .addHelpText(
      "after",
      "\nExample:\n  yonexus keys status --json\n\nExits 1 when something is sealed with a key that nobody has.",
    )
    .action((options: KeysOptions) => withCluster(options, (cluster) => status(cluster, options)));
  addClusterOptions(
    keys
      .command("rotate")
      .description("seals every follower's secret anew with the first of YONEXUS_MASTER_KEYS, beside running nodes")
      .option("--json", "one JSON object on standard output"),
  )
    .addHelpText(
      "after",
      "\nExample:\n  YONEXUS_MASTER_KEYS=$(cat new.key),$(cat old.key) yonexus keys rotate\n\nIt can be stopped by Ctrl-C and run again. Exits 1 when it did not get to the end, or a secret cannot be opened.",
    )
    .action((options: KeysOptions) => withCluster(options, (cluster) => rotate(cluster, options)));
}

async function status({ redis, keys, config }: ClusterAccess, options: KeysOptions): Promise<void> {
  const own = config.masterKeys.length === 0 ? [] : new Keyring(config.masterKeys).keyIds;
  const sealed = await new SealedSecrets(redis, keys).count(PAGE);
  const processes = await sealingKeyIds(redis, keys);
  const report = reportKeys(processes, own, sealed);
  if (options.json === true) printJson({ ...report, processes });
  else print(keyReportText(report, await redisNow(redis)));
  if (report.keys.some(({ verdict }) => verdict === "lost")) throw new QuietFailure();
}

async function rotate({ redis, keys, config }: ClusterAccess, options: KeysOptions): Promise<void> {
  if (config.masterKeys.length === 0) {
    throw new CliError(
      "YONEXUS_MASTER_KEYS is not set: give it the new key and the old one, separated by a comma, as the nodes have them.",
    );
  }
  const keyring = new Keyring(config.masterKeys);
  const obstacle = rotationObstacle(await sealingKeyIds(redis, keys), keyring.keyIds[0] ?? "");
  if (obstacle !== undefined) throw new CliError(`Nothing was sealed anew: ${obstacle}`);
  let isStopped = false;
  onStopSignal({
    stop: () => {
      isStopped = true;
    },
    force: () => process.exit(1),
  });
  const rotation = await rotateKeys(redis, keys, keyring, { stopped: () => isStopped, progress: teller() });
  if (options.json === true) printJson(rotation);
  else for (const line of rotationLines(rotation)) print(line);
  if (!rotation.finished || rotation.unreadable > 0) throw new QuietFailure();
}

/** Says how far it is, now and then. */
function teller(): (progress: RotationProgress) => void {
  let toldAt = performance.now();
  return ({ looked, total, resealed }) => {
    if (performance.now() - toldAt < TELL_EVERY_MS) return;
    toldAt = performance.now();
    complain(`${looked} of ${total} followers looked at, ${resealed} secrets sealed anew.`);
  };
}

function rotationLines(rotation: Rotation): string[] {
  const { keyId, looked, total, resealed, changed, finished, obstacle, unreadable, unreadableSome } = rotation;
  const done = `${looked} followers looked at: ${resealed} ${resealed === 1 ? "secret" : "secrets"} sealed anew with ${keyId}.`;
  const others = unreadable - unreadableSome.length;
  return [
    ...(obstacle === undefined ? [] : [`Stopped, since a process came up that is in the way. ${obstacle}`]),
    finished ? done : `${done} It is not finished: ${total} are there. Run it again, and it goes on.`,
    ...(changed === 0 ? [] : [`${changed} changed all the time: whoever paired them sealed them.`]),
    ...unreadableSome.map(({ identifier, keyId: sealedWith, why }) =>
      why === "damaged"
        ? `${identifier}: its secret is damaged. Let it pair again: yonexus repair ${identifier}`
        : `${identifier}: its secret is sealed with ${sealedWith}, which is not among YONEXUS_MASTER_KEYS. Add it and run this again, or let it pair again: yonexus repair ${identifier}`,
    ),
    ...(others === 0 ? [] : [`${others} more cannot be opened.`]),
    ...(finished && unreadable === 0 ? ["Next: `yonexus keys status` says when the old key can be dropped."] : []),
  ];
}
