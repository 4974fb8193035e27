import type { Cluster } from "@yonexus/protocol/redis";
import type { AgentWaker } from "./agentRules.ts";
import { type PluginConfig, readConfig } from "./config.ts";
import { DataFolder } from "./dataFolder.ts";
import { PluginError } from "./errors.ts";
import { HealthRelay } from "./healthRelay.ts";
import type { HostLogger, ServiceContext } from "./host.ts";
import { yonexusHub } from "./pluginInterface.ts";
import { PluginRuntime, type RuntimeParts } from "./runtime.ts";

export interface ContainerParts {
  readonly rawConfig: unknown;
  readonly logger: HostLogger;
  readonly stateDir: () => string;
  readonly waker: () => Promise<AgentWaker | undefined>;
  readonly startStandalone: (
    config: PluginConfig,
    folder: DataFolder,
    logger: HostLogger,
    signal: AbortSignal,
  ) => ReturnType<RuntimeParts["startStandalone"]>;
}

/**
 * What runs in this process. OpenClaw imports the plugin anew for every registration and every hot reload, so what must be there
 * once a process cannot be a variable of a module.
 */
interface Running {
  runtime?: PluginRuntime;
  /** Why none runs: its configuration. */
  problem?: PluginError;
  /** The end of the one before. */
  stopping?: Promise<void>;
}

const RUNNING_KEY = Symbol.for("yonexus-server.running.v1");

function running(): Running {
  const holder = globalThis as { [RUNNING_KEY]?: Running };
  holder[RUNNING_KEY] ??= {};
  return holder[RUNNING_KEY];
}

/** The plugin that runs in this gateway, whichever registration started it. @throws PluginError when none does. */
export function runningPlugin(): PluginRuntime {
  const { runtime, problem } = running();
  if (runtime !== undefined) return runtime;
  throw (
    problem ??
    new PluginError(
      "STOPPED",
      "The Yonexus plugin does not run in this process: see that it is enabled, and that the gateway runs.",
    )
  );
}

/** @throws PluginError */
export async function reachCluster(timeoutMs: number): Promise<Cluster> {
  return runningPlugin().cluster(timeoutMs);
}

/** The plugin of one registration: started once, stopped completely, in whatever order OpenClaw calls. */
export class PluginContainer {
  readonly #parts: ContainerParts;
  readonly #health = new HealthRelay();
  #stateDir: string | undefined;
  #runtime: PluginRuntime | undefined;
  #starting: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  constructor(parts: ContainerParts) {
    this.#parts = parts;
  }

  /** OpenClaw's service is there: it says where the profile is and hears how the plugin is. */
  attach({ stateDir, serviceHealth }: ServiceContext): void {
    this.#stateDir = stateDir;
    this.#health.attach(serviceHealth);
  }

  detach(): void {
    this.#health.detach();
  }

  /** Calling it again changes nothing. It never rejects: what is wrong is told by health and log, and harms nobody else. */
  start(): Promise<void> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  /** Resolves when nothing of it is open any more. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #start(): Promise<void> {
    const process = running();
    // A hot reload starts the new one while the old one may still be busy with its end.
    await process.stopping?.catch(() => {});
    if (this.#stopped !== undefined) return;
    const { rawConfig, logger, startStandalone, waker } = this.#parts;
    let config: PluginConfig;
    try {
      config = readConfig(rawConfig);
    } catch (error) {
      if (!(error instanceof PluginError)) throw error;
      process.problem = error;
      this.#health.failed(error.message);
      logger.error(error.message);
      return;
    }
    // An OpenClaw that has not got it cannot wake agents; all else works.
    const agentWaker = config.agentRules.length === 0 ? undefined : await waker().catch(() => undefined);
    if (this.#stopped !== undefined) return;
    const folder = new DataFolder(this.#stateDir ?? this.#parts.stateDir());
    this.#runtime = new PluginRuntime({
      config,
      logger,
      health: this.#health,
      hub: yonexusHub(),
      waker: agentWaker,
      source: () => `gateway:${folder.gatewayId()}`,
      knownSource: () => {
        const id = folder.knownGatewayId();
        return id === undefined ? undefined : `gateway:${id}`;
      },
      startStandalone: (signal) => startStandalone(config, folder, logger, signal),
    });
    delete process.problem;
    process.runtime = this.#runtime;
    this.#runtime.start();
  }

  async #stop(): Promise<void> {
    const process = running();
    await this.#starting?.catch(() => {});
    const runtime = this.#runtime;
    delete process.problem;
    if (runtime === undefined) return;
    if (process.runtime === runtime) delete process.runtime;
    const stopping = runtime.stop();
    process.stopping = stopping;
    await stopping;
  }
}
