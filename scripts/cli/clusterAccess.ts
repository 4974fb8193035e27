import { type Config, loadConfig } from "@yonexus/protocol/config";
import { type ClusterFile, readClusterFile } from "@yonexus/protocol/local";
import { redisPlace } from "@yonexus/protocol/operator";
import {
  type ConnectionRole,
  ensureSchemaVersion,
  explainRefusal,
  Keys,
  openRedis,
  outageReason,
  type RedisConnection,
  whenReady,
} from "@yonexus/protocol/redis";
import type { Command } from "commander";
import { CliError } from "./cliError.ts";
import { DEFAULT_DATA_DIR } from "./dataDirOption.ts";
import { isOwnError } from "./failure.ts";

/** Redis answers within this time (ms), or the command ends with a sentence. */
const ANSWER_TIMEOUT_MS = 3_000;

/** The options of every command that talks to a cluster. */
export interface ClusterOptions {
  readonly dataDir?: string;
  readonly config?: string;
}

export function addClusterOptions(command: Command): Command {
  return command
    .option("--data-dir <folder>", "the folder of a cluster that `yonexus up` runs (default: REDIS_URL, else .yonexus)")
    .option("--config <file>", "a JSON file with settings; the environment beats it");
}

/** Which cluster a command talks to. */
export interface ClusterTarget {
  readonly config: Config;
  readonly redisUrl: string;
  readonly keys: Keys;
  /** Where Redis is, for people: without a password. */
  readonly place: string;
  /** Present when the cluster was found by its data folder. */
  readonly file?: ClusterFile;
}

/** A cluster that answered. Its connections close when the work is done. */
export interface ClusterAccess extends ClusterTarget {
  /** Opened for `commands`. */
  readonly redis: RedisConnection;
  /** Another connection; closed with the rest. */
  readonly connect: (role: ConnectionRole) => RedisConnection;
}

/**
 * Finds the cluster: `--data-dir`, then REDIS_URL, then the cluster that `yonexus up` runs in the current folder.
 * @throws CliError when there is none; ConfigError.
 */
export function findCluster(options: ClusterOptions, env: NodeJS.ProcessEnv = process.env): ClusterTarget {
  const config = loadConfig({ env, file: options.config });
  const named = options.dataDir === undefined ? undefined : readClusterFile(options.dataDir);
  if (options.dataDir !== undefined && named === undefined) {
    throw new CliError(
      `No cluster runs in ${options.dataDir}: start it with \`yonexus up --data-dir\` and that folder.`,
    );
  }
  const file = named ?? (config.redisUrl === undefined ? readClusterFile(DEFAULT_DATA_DIR) : undefined);
  const redisUrl = file?.redis ?? config.redisUrl;
  if (redisUrl === undefined) {
    throw new CliError("No cluster was found: start one here with ./scripts/start.sh, or set REDIS_URL to its Redis.");
  }
  return {
    config,
    redisUrl,
    keys: new Keys(file?.keyPrefix ?? config.keyPrefix),
    place: redisPlace(redisUrl),
    ...(file === undefined ? {} : { file }),
  };
}

/**
 * Runs a piece of work with connections to the cluster, and closes them however it ends.
 * @throws CliError with one sentence when there is no cluster or Redis does not answer or refuses; SchemaMismatchError.
 */
export async function withCluster<T>(
  options: ClusterOptions,
  work: (cluster: ClusterAccess) => Promise<T>,
): Promise<T> {
  return connectCluster(findCluster(options), async (cluster) => {
    await ensureSchemaVersion(cluster.redis, cluster.keys);
    return work(cluster);
  });
}

/** The same for a cluster that was found, whatever version its keys have. */
export async function connectCluster<T>(
  target: ClusterTarget,
  work: (cluster: ClusterAccess) => Promise<T>,
): Promise<T> {
  const opened: RedisConnection[] = [];
  let lastError: unknown;
  const connect = (role: ConnectionRole): RedisConnection => {
    const redis = openRedis(target.redisUrl, role);
    // Without a listener a lost connection would end the process.
    redis.on("error", (error: unknown) => {
      lastError = error;
    });
    opened.push(redis);
    return redis;
  };
  try {
    const redis = connect("commands");
    await answered(redis, () => unreachable(target, lastError));
    try {
      return await work({ ...target, redis, connect });
    } catch (error) {
      if (isOwnError(error)) throw error;
      throw unreachable(target, redis.status === "ready" ? error : (lastError ?? error));
    }
  } finally {
    for (const redis of opened) redis.disconnect();
  }
}

async function answered(redis: RedisConnection, failure: () => CliError): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(failure()), ANSWER_TIMEOUT_MS);
    // Whoever refuses the password will refuse it again.
    redis.on("error", (error: unknown) => {
      if (explainRefusal(error) !== undefined) reject(failure());
    });
  });
  await Promise.race([whenReady(redis), late]).finally(() => clearTimeout(timer));
}

function unreachable({ place, file }: ClusterTarget, cause: unknown): CliError {
  const refusal = explainRefusal(cause);
  if (refusal !== undefined) return new CliError(`${refusal.found}, at ${place}. ${refusal.mend}`, { cause });
  const mend =
    file === undefined
      ? "Start it, or mend REDIS_URL."
      : "The cluster of this folder seems to have ended: start it again with ./scripts/start.sh.";
  const reason = outageReason(cause) ?? `no answer within ${ANSWER_TIMEOUT_MS / 1000} s`;
  return new CliError(`Redis does not answer at ${place}: ${reason}. ${mend}`, { cause });
}
