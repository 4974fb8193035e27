import type { Config } from "@yonexus/protocol/config";
import {
  type DataDir,
  type FolderLock,
  loadMasterKey,
  lockFolder,
  masterKeyPath,
  masterKeyWarning,
  openDataDir,
  planLocalRedis,
  removeClusterFile,
  writeClusterFile,
} from "@yonexus/protocol/local";
import type { PluginConfig } from "../core/config.ts";
import type { DataFolder } from "../core/dataFolder.ts";
import type { HostLogger } from "../core/host.ts";
import { CONFIG_PLACE } from "../core/identity.ts";
import { PairingCodeFile } from "../core/pairingCodes.ts";
import type { StandaloneCluster } from "../core/runtime.ts";
import { CodeTerminal } from "./codeTerminal.ts";
import { requireKnownKey } from "./knownKey.ts";
import { Members } from "./members.ts";
import { PrivateRedis } from "./privateRedis.ts";
import { endsWithin, runEvery } from "./stopSteps.ts";

/** OpenClaw gives a plugin five seconds to stop: the node spreads the closing of its connections over less (ms). */
const DRAIN_WINDOW_MS = 500;
/** So long the node and the coordinator may take; then the private Redis is ended under them, which ends what waits for it (ms). */
const MEMBERS_END_MS = 1_200;
/** Its end, killing it included (ms). */
const REDIS_END_MS = 1_300;
/** How long they may take after that (ms). */
const MEMBERS_REST_MS = 300;

/**
 * A cluster of one gateway, in its own process: a node, a coordinator, and a Redis unless one is configured.
 * @throws LocalError; the signal's reason. What was started is ended then.
 */
export async function startStandalone(
  config: PluginConfig,
  folder: DataFolder,
  logger: HostLogger,
  signal: AbortSignal,
): Promise<StandaloneCluster> {
  signal.throwIfAborted();
  const dir = openDataDir(folder.path, "use another OpenClaw profile");
  const lock = lockFolder(dir);
  let redis: PrivateRedis | undefined;
  try {
    const { redisUrl, masterKeys } = config.shared;
    const isOwnKey = masterKeys.length === 0;
    const keys = isOwnKey ? [new Uint8Array(Buffer.from(loadMasterKey(dir.path), "base64"))] : masterKeys;
    if (redisUrl === undefined) {
      redis = await PrivateRedis.start(await planLocalRedis(dir, process.env, undefined, signal), logger, signal);
    }
    signal.throwIfAborted();
    const warning = isOwnKey ? masterKeyWarning(dir.path) : undefined;
    if (warning !== undefined) logger.warn(warning);
    const url = redis?.url ?? redisUrl ?? "";
    const shared = { ...config.shared, redisUrl: url, masterKeys: keys, drainWindowMs: DRAIN_WINDOW_MS };
    return new Standalone({ config: shared, isOwnKey, dir, lock, redis, folder, logger });
  } catch (error) {
    await runEvery([() => redis?.stop(), () => lock.release()]).catch(() => {});
    throw error;
  }
}

interface Parts {
  readonly config: Config & { readonly redisUrl: string };
  /** The master key is the one in the folder, and not of the settings. */
  readonly isOwnKey: boolean;
  readonly dir: DataDir;
  readonly lock: FolderLock;
  /** Undefined when one is configured. */
  readonly redis: PrivateRedis | undefined;
  readonly folder: DataFolder;
  readonly logger: HostLogger;
}

class Standalone implements StandaloneCluster {
  readonly redisUrl: string;
  readonly #parts: Parts;
  readonly #terminal: CodeTerminal;
  readonly #members: Members;
  #stopping: Promise<void> | undefined;

  constructor(parts: Parts) {
    const { config, folder, logger } = parts;
    this.redisUrl = config.redisUrl;
    this.#parts = parts;
    this.#terminal = new CodeTerminal(new PairingCodeFile(folder.pairingCodes), logger);
    this.#members = new Members(config, this.#terminal, logger);
  }

  async serve(signal: AbortSignal): Promise<{ readonly url: string }> {
    const { config, dir } = this.#parts;
    await this.#requireKnownKey(signal);
    await this.#terminal.clean();
    const { url } = await this.#members.start(signal);
    signal.throwIfAborted();
    writeClusterFile(dir.path, {
      redis: this.redisUrl,
      keyPrefix: config.keyPrefix,
      nodes: [url],
      pid: process.pid,
    });
    return { url: config.publicWsUrl ?? url };
  }

  problem(): string | undefined {
    return this.#parts.redis?.problem;
  }

  keepCodes(identifier: string, fingerprints: readonly string[]): Promise<void> {
    return this.#terminal.keep(identifier, fingerprints);
  }

  /**
   * It takes 2.8 s at most, whatever hangs. The lock is released in any case, since the process goes on to live: with the end of the
   * private Redis, whose socket the next one would share.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    const { dir, redis, lock, logger } = this.#parts;
    let hasEnded = true;
    let redisEnd: Promise<void> | undefined;
    await runEvery([
      () => this.#terminal.close(),
      () => removeClusterFile(dir.path),
      () => endsWithin(MEMBERS_END_MS, this.#members.end()),
      async () => {
        redisEnd = redis?.stop();
        if (redisEnd !== undefined) hasEnded = await endsWithin(REDIS_END_MS, redisEnd);
      },
      async () => {
        if (await endsWithin(MEMBERS_REST_MS, this.#members.end())) return;
        logger.warn("The node or the coordinator did not end in time: it ends by itself when Redis answers, or fails.");
      },
      () =>
        hasEnded
          ? lock.release()
          : void redisEnd
              ?.catch(() => {})
              .then(() => lock.release())
              .catch(() => {}),
    ]);
  }

  async #requireKnownKey(signal: AbortSignal): Promise<void> {
    const { config, isOwnKey, dir } = this.#parts;
    const [place, mend] = isOwnKey
      ? [
          masterKeyPath(dir.path),
          `put the old one back from a backup, or move ${dir.path} away to begin anew (every follower pairs again)`,
        ]
      : [`masterKey in ${CONFIG_PLACE}`, "set it to the old one"];
    await requireKnownKey(config, place, mend, signal);
  }
}
