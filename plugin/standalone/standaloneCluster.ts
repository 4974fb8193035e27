import { type RunningCoordinator, startCoordinator } from "@yonexus/coordinator";
import { type RunningNode, startNode } from "@yonexus/node";
import type { Config } from "@yonexus/protocol/config";
import {
  endingText,
  type LocalRedis,
  loadMasterKey,
  lockFolder,
  ManagedProcess,
  openDataDir,
  planLocalRedis,
  removeClusterFile,
  writeClusterFile,
} from "@yonexus/protocol/local";
import { createLogger } from "@yonexus/protocol/log";
import type { PluginConfig } from "../core/config.ts";
import type { DataFolder } from "../core/dataFolder.ts";
import { PluginError } from "../core/errors.ts";
import type { HostLogger } from "../core/host.ts";
import { CONFIG_PLACE } from "../core/identity.ts";
import { isPairingCode, PairingCodeFile } from "../core/pairingCodes.ts";
import type { StandaloneCluster } from "../core/runtime.ts";
import { hostLogStream } from "./hostLogStream.ts";

/** OpenClaw gives a plugin five seconds to stop: the node spreads the closing of its connections over less (ms). */
const DRAIN_WINDOW_MS = 1_000;
const REDIS_STOP_PATIENCE_MS = 3_000;

/** A cluster of one gateway, in its own process: a node, a coordinator, and a Redis unless one is configured. */
export async function startStandalone(
  config: PluginConfig,
  folder: DataFolder,
  hostLogger: HostLogger,
  signal: AbortSignal,
): Promise<StandaloneCluster> {
  const dir = openDataDir(folder.path, "by another OpenClaw profile");
  const lock = lockFolder(dir);
  let redis: { readonly url: string; stop(): Promise<void> } | undefined;
  try {
    const { redisUrl, masterKeys } = config.shared;
    const keys = masterKeys.length > 0 ? masterKeys : [new Uint8Array(Buffer.from(loadMasterKey(dir.path), "base64"))];
    redis =
      redisUrl === undefined
        ? await startPrivateRedis(await planLocalRedis(dir, process.env), hostLogger, signal)
        : { url: redisUrl, stop: async () => {} };
    const { url, stop } = redis;
    const members = new Members(
      { ...config.shared, redisUrl: url, masterKeys: keys, drainWindowMs: DRAIN_WINDOW_MS },
      folder,
      hostLogger,
    );
    return {
      redisUrl: url,
      serve: async (serveSignal) => {
        const node = await members.start(serveSignal);
        writeClusterFile(dir.path, {
          redis: url,
          keyPrefix: config.shared.keyPrefix,
          nodes: [node.url],
          pid: process.pid,
        });
        return { url: config.shared.publicWsUrl ?? node.url };
      },
      stop: async () => {
        removeClusterFile(dir.path);
        await members.stop();
        await stop();
        lock.release();
      },
    };
  } catch (error) {
    await redis?.stop();
    lock.release();
    throw error;
  }
}

async function startPrivateRedis(plan: LocalRedis, logger: HostLogger, signal: AbortSignal) {
  const server = new ManagedProcess(plan.plan, {
    said: () => {},
    restarted: () => logger.info("The private Redis runs again."),
    exited: (_name, ending, restartInMs) =>
      logger.error(
        `The private Redis ended (${endingText(ending)}): ${restartInMs === undefined ? "it ended five times within a minute and is not started again" : "it is started again"}. Its log is ${plan.plan.logPath}.`,
      ),
  });
  const stop = async () => {
    await server.stop("SIGTERM", REDIS_STOP_PATIENCE_MS);
    plan.remove();
  };
  try {
    await Promise.race([server.start(), aborted(signal)]);
  } catch (error) {
    await stop();
    throw error;
  }
  logger.info(
    `Started a private ${plan.description}; its data is under ${plan.plan.logPath.replace(/logs.redis\.log$/u, "redis")}.`,
  );
  return { url: plan.url, stop };
}

/** The node and the coordinator of this process. */
class Members {
  readonly #config: Config & { readonly redisUrl: string };
  readonly #folder: DataFolder;
  readonly #logger: HostLogger;
  #node: RunningNode | undefined;
  #coordinator: RunningCoordinator | undefined;

  constructor(config: Config & { readonly redisUrl: string }, folder: DataFolder, logger: HostLogger) {
    this.#config = config;
    this.#folder = folder;
    this.#logger = logger;
  }

  /** What an earlier try started goes on. @throws PluginError when nothing can listen there. */
  async start(signal: AbortSignal): Promise<RunningNode> {
    const logger = (name: string) => createLogger(this.#config.logLevel, name, hostLogStream(this.#logger));
    const codes = new PairingCodeFile(this.#folder.pairingCodes);
    const terminal = {
      write: (text: string, done: (error?: Error | null) => void) => {
        this.#notice(codes, text).then(
          () => done(),
          (error: unknown) => done(error instanceof Error ? error : new Error("The notice could not be written.")),
        );
      },
    };
    // The allowlist is the plugin's to apply, under its own name.
    const config = { ...this.#config, followerIdentifiers: [] };
    this.#coordinator ??= await startCoordinator(config, {
      logger: logger("coordinator"),
      terminal,
      json: true,
      signal,
    });
    try {
      this.#node ??= await startNode(config, { logger: logger("node"), signal });
    } catch (error) {
      throw listenProblem(error, this.#config) ?? error;
    }
    return this.#node;
  }

  async stop(): Promise<void> {
    await this.#node?.drain();
    await this.#coordinator?.stop();
  }

  /** A notice of the coordinator, as a line of JSON. */
  async #notice(codes: PairingCodeFile, line: string): Promise<void> {
    const notice: unknown = JSON.parse(line);
    if (isPairingCode(notice)) {
      await codes.add(notice);
      this.#logger.info(
        `The follower ${notice.identifier} asks to pair. Its code, and the fingerprint to compare, are shown by: openclaw yonexus listPairings`,
      );
      return;
    }
    const { event = "notice", identifier = "", address = "" } = notice as Record<string, unknown>;
    this.#logger.warn(
      `${String(event)}: the follower ${String(identifier)}, from ${String(address)}. Look with: openclaw yonexus showClient ${String(identifier)}`,
    );
  }
}

function listenProblem(error: unknown, { listenHost, listenPort }: Config): PluginError | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const place = (key: string) => `${key} in ${CONFIG_PLACE}`;
  switch (code) {
    case "EADDRINUSE":
      return new PluginError(
        "CONFIG_INVALID",
        `Port ${listenPort} is taken: stop what listens there, or set ${place("listenPort")} to another one.`,
        { cause: error },
      );
    case "EADDRNOTAVAIL":
      return new PluginError(
        "CONFIG_INVALID",
        `${listenHost} is no address of this machine: set ${place("listenHost")} to one that is.`,
        { cause: error },
      );
    case "EACCES":
      return new PluginError(
        "CONFIG_INVALID",
        `This user may not listen on port ${listenPort}: set ${place("listenPort")} to one above 1023.`,
        { cause: error },
      );
    default:
      return undefined;
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
