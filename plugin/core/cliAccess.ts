import { readRedisTls } from "@yonexus/protocol/config";
import { readClusterFile } from "@yonexus/protocol/local";
import { type Cluster, openCluster } from "@yonexus/protocol/redis";
import type { CliAccess } from "../commands/cliCommand.ts";
import { codesAt, type PluginConfig, readConfig } from "./config.ts";
import { SECRET_KEYS } from "./configSchema.ts";
import { DataFolder, stateDirOf } from "./dataFolder.ts";
import { PluginError } from "./errors.ts";
import { examine } from "./examination.ts";
import type { HostRuntime } from "./host.ts";
import { CONFIG_PLACE } from "./identity.ts";
import { settingName } from "./nextSteps.ts";
import { PairingCodeFile } from "./pairingCodes.ts";
import { FollowerRegistry } from "./registry.ts";

/** Resolves a SecretRef as the host does. @throws what it fails with. */
type SecretResolver = (value: unknown, path: string, hostConfig: unknown) => Promise<string | undefined>;

export interface CliParts {
  readonly pluginConfig: unknown;
  /** OpenClaw's whole configuration. */
  readonly hostConfig: unknown;
  readonly runtime: HostRuntime | undefined;
  readonly resolveSecret: SecretResolver;
}

/** Redis answers a command of the terminal within this time (ms). */
const CONNECT_TIMEOUT_MS = 3_000;

/** The cluster of this profile, for one command of `openclaw yonexus`: connections of its own, the gateway need not run. */
export async function openCliAccess({
  pluginConfig,
  hostConfig,
  runtime,
  resolveSecret,
}: CliParts): Promise<CliAccess> {
  const folder = new DataFolder(stateDirOf(runtime));
  const rawConfig = async () => resolveSecrets(pluginConfig, hostConfig, resolveSecret);
  let opened: Promise<Cluster> | undefined;
  const cluster = (config: PluginConfig): Promise<Cluster> => {
    opened ??= connect(config, folder);
    return opened;
  };
  let at: "terminal" | "admin" = "admin";
  return {
    codesAt: () => at,
    registry: async () => {
      const config = readConfig(await rawConfig());
      at = codesAt(config);
      const { redis, keys } = await cluster(config);
      return new FollowerRegistry(redis, keys);
    },
    examine: () => examine({ rawConfig, cluster, runtime: () => undefined, surface: "cli" }),
    codes: () => new PairingCodeFile(folder.pairingCodes).read(),
    close: async () => {
      await opened?.then((open) => open.close()).catch(() => {});
    },
  };
}

async function connect(config: PluginConfig, folder: DataFolder): Promise<Cluster> {
  const redisUrl = config.shared.redisUrl ?? readClusterFile(folder.path)?.redis;
  const notRunning = (cause?: unknown) =>
    new PluginError(
      "NOT_CONNECTED",
      `The gateway of this profile runs no cluster now: start it with \`openclaw gateway run\`, or set redisUrl in ${CONFIG_PLACE}.`,
      { cause },
    );
  if (redisUrl === undefined) throw notRunning();
  let lastError: unknown;
  const onConnection = (redis: Cluster["redis"]) => void redis.on("error", (error: unknown) => (lastError = error));
  try {
    return await openCluster({
      redisUrl,
      tls: readRedisTls(config.shared, settingName),
      keyPrefix: config.shared.keyPrefix,
      setting: settingName,
      timeoutMs: CONNECT_TIMEOUT_MS,
      onConnection,
    });
  } catch (error) {
    // A gateway that was killed leaves word of a Redis that ended with it.
    if (config.shared.redisUrl === undefined && isNobodyThere(lastError)) throw notRunning(error);
    throw error instanceof Error && "code" in error ? error : (lastError ?? error);
  }
}

function isNobodyThere(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ECONNREFUSED" || error.code === "ENOENT");
}

/** In a terminal OpenClaw gives secrets as they are written. One that cannot be resolved stays so, and is told by its key. */
async function resolveSecrets(
  pluginConfig: unknown,
  hostConfig: unknown,
  resolveSecret: SecretResolver,
): Promise<unknown> {
  if (typeof pluginConfig !== "object" || pluginConfig === null) return pluginConfig;
  const values: Record<string, unknown> = { ...pluginConfig };
  for (const key of SECRET_KEYS) {
    if (values[key] === undefined) continue;
    const resolved = await resolveSecret(values[key], `${CONFIG_PLACE}.${key}`, hostConfig).catch(() => undefined);
    if (resolved !== undefined) values[key] = resolved;
  }
  return values;
}
