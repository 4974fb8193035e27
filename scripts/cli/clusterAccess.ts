import { type Config, loadConfig, readRedisTls } from "@yonexus/protocol/config";
import { type ClusterFile, readClusterFile } from "@yonexus/protocol/local";
import { redisPlace } from "@yonexus/protocol/operator";
import {
  type ConnectionRole,
  ensureSchemaVersion,
  explainConnection,
  explainRefusal,
  Keys,
  openRedis,
  outageReason,
  type RedisConnection,
  type RedisTls,
  RedisUnreachableError,
  whenReady,
} from "@yonexus/protocol/redis";
import type { Command } from "commander";
import { CliError } from "./cliError.ts";
import { DEFAULT_DATA_DIR } from "./dataDirOption.ts";
import { isOwnError } from "./failure.ts";
import { tlsRefusal } from "./tlsRefusal.ts";

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
  readonly tls: RedisTls | undefined;
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
 * @throws CliError when there is none; ConfigError; CertificateError.
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
    // Certificates that were set for another Redis are nothing to complain of.
    tls: file === undefined ? readRedisTls(config) : redisTlsFor(redisUrl, config),
    keys: new Keys(file?.keyPrefix ?? config.keyPrefix),
    place: redisPlace(redisUrl),
    ...(file === undefined ? {} : { file }),
  };
}

/** What the configuration says of TLS, for a URL that speaks it. @throws CertificateError */
export function redisTlsFor(redisUrl: string, config: Config): RedisTls | undefined {
  return /^rediss:/iu.test(redisUrl) ? readRedisTls(config) : undefined;
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
    const redis = openRedis(target.redisUrl, role, { tls: target.tls });
    // Without a listener a lost connection would end the process.
    redis.on("error", (error: unknown) => {
      // A peer that refuses a handshake may close before it is heard to say why: what says more is kept.
      if (lastError === undefined || !isReset(error)) lastError = error;
    });
    opened.push(redis);
    return redis;
  };
  try {
    const redis = connect("commands");
    const cause = await failureToAnswer(redis, () => lastError);
    if (cause !== undefined) {
      throw unusable(target, isReset(cause) ? ((await tlsRefusal(redis)) ?? cause) : cause);
    }
    try {
      return await work({ ...target, redis, connect });
    } catch (error) {
      // What fails while Redis answers, and is no refusal of it, has nothing to do with the connection.
      const isOfConnection = redis.status !== "ready" || explainConnection(error) !== undefined;
      if (isOwnError(error) || !isOfConnection) throw error;
      throw unusable(target, redis.status === "ready" ? error : (lastError ?? error));
    }
  } finally {
    for (const redis of opened) redis.disconnect();
  }
}

/** Undefined when Redis answers; what was last heard when it does not in time, or refuses. */
async function failureToAnswer(redis: RedisConnection, lastError: () => unknown): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const failed = new Promise<unknown>((resolve) => {
    timer = setTimeout(
      () => resolve(lastError() ?? new RedisUnreachableError(`Nothing came within ${ANSWER_TIMEOUT_MS} ms.`)),
      ANSWER_TIMEOUT_MS,
    );
    // Whoever refuses the password will refuse it again.
    redis.on("error", (error: unknown) => {
      if (explainRefusal(error) !== undefined) resolve(error);
    });
  });
  return Promise.race([whenReady(redis), failed]).finally(() => clearTimeout(timer));
}

function unusable({ place, file }: ClusterTarget, cause: unknown): CliError {
  if (file !== undefined && isGone(cause)) {
    return new CliError(
      `Redis does not answer at ${place}. The cluster of this folder seems to have ended: start it again with ./scripts/start.sh.`,
      { cause },
    );
  }
  const known = explainConnection(cause);
  if (known !== undefined) return new CliError(`${known.found}, at ${place}. ${known.mend}`, { cause });
  const reason = outageReason(cause);
  return new CliError(
    `Redis does not answer at ${place}${reason === undefined ? "" : `: ${reason}`}. Start it, or mend REDIS_URL.`,
    { cause },
  );
}

function isReset(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ECONNRESET" || error.code === "EPIPE");
}

/** Nobody listens there. */
function isGone(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && (cause.code === "ECONNREFUSED" || cause.code === "ENOENT");
}
