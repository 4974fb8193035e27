import {
  ManagedProcess,
  type ProcessListener,
  type ProcessPlan,
  removeClusterFile,
  writeClusterFile,
} from "@yonexus/protocol/local";
import { CliError } from "../cliError.ts";
import type { ClusterScreen, ReadyCluster } from "./clusterScreen.ts";

export interface LocalClusterPlan {
  /** The private Redis; absent when REDIS_URL names one. */
  readonly redis?: ProcessPlan;
  readonly coordinator: ProcessPlan;
  readonly nodes: readonly ProcessPlan[];
  readonly about: Omit<ReadyCluster, "nodes">;
  /** Done when all processes are ready, before the cluster says that it is. */
  readonly prepare?: () => Promise<void>;
  readonly keyPrefix: string;
  /** The data folder, absolute. */
  readonly dataDir: string;
  /** How long nodes may take to drain (ms). */
  readonly drainMs: number;
}

const STOP_PATIENCE_MS = 10_000;
const FORCED_REDIS_PATIENCE_MS = 3_000;

/** The processes of a cluster on one machine, from start to end. */
export class LocalCluster {
  readonly #plan: LocalClusterPlan;
  readonly #screen: ClusterScreen;
  readonly #redis: ManagedProcess | undefined;
  readonly #coordinator: ManagedProcess;
  readonly #nodes: readonly ManagedProcess[];
  readonly #broken = Promise.withResolvers<never>();
  /** What was told before the cluster was ready; `ready` comes first. */
  #heldBack: (() => void)[] | undefined = [];
  #stopping: Promise<void> | undefined;

  constructor(plan: LocalClusterPlan, screen: ClusterScreen) {
    this.#plan = plan;
    this.#screen = screen;
    const listener = this.#listener();
    this.#redis = plan.redis === undefined ? undefined : new ManagedProcess(plan.redis, listener);
    this.#coordinator = new ManagedProcess(plan.coordinator, listener);
    this.#nodes = plan.nodes.map((node) => new ManagedProcess(node, listener));
    this.#broken.promise.catch(() => {});
  }

  /** Rejects with a CliError when a process ends too often to go on. */
  get broken(): Promise<never> {
    return this.#broken.promise;
  }

  /** Resolves when all processes are ready. @throws LocalError when one is not; the caller stops the others. */
  async start(): Promise<void> {
    await this.#redis?.start();
    const [, ...ready] = await Promise.all([this.#coordinator.start(), ...this.#nodes.map((node) => node.start())]);
    const nodes = ready.map(({ url }) => String(url));
    const { about, dataDir, keyPrefix, prepare } = this.#plan;
    await prepare?.();
    writeClusterFile(dataDir, { redis: about.redis, keyPrefix, nodes, pid: process.pid });
    this.#screen.ready({ ...about, nodes });
    const heldBack = this.#heldBack ?? [];
    this.#heldBack = undefined;
    for (const tell of heldBack) tell();
  }

  /** Ends all in good order: the nodes drain, then the coordinator, then Redis, which they need until then. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** Ends all now. Redis still writes what it was told. */
  async kill(): Promise<void> {
    for (const each of [...this.#nodes, this.#coordinator]) each.kill();
    await this.#redis?.stop("SIGTERM", FORCED_REDIS_PATIENCE_MS);
    await this.stop();
  }

  async #stop(): Promise<void> {
    removeClusterFile(this.#plan.dataDir);
    const patience = this.#plan.drainMs + STOP_PATIENCE_MS;
    await Promise.all(this.#nodes.map((node) => node.stop("SIGTERM", patience)));
    await this.#coordinator.stop("SIGTERM", STOP_PATIENCE_MS);
    await this.#redis?.stop("SIGTERM", STOP_PATIENCE_MS);
  }

  #listener(): ProcessListener {
    const tell = (action: () => void): void => {
      if (this.#heldBack === undefined) action();
      else this.#heldBack.push(action);
    };
    return {
      said: (process, event) => tell(() => this.#screen.said(process, event)),
      restarted: (process, ready) => tell(() => this.#screen.restarted(process, ready)),
      exited: (process, ending, restartInMs) => {
        const log = this.#logOf(process);
        tell(() => this.#screen.exited(process, ending, restartInMs, log));
        if (restartInMs === undefined) {
          this.#broken.reject(
            new CliError(`${process} ended five times within a minute: see ${log}, mend it, and start again.`),
          );
        }
      },
    };
  }

  #logOf(name: string): string {
    const all = [this.#redis, this.#coordinator, ...this.#nodes];
    return all.find((each) => each?.name === name)?.logPath ?? "";
  }
}
