import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Child } from "../bench/childProcess.ts";
import { freePorts } from "../support/freePorts.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { TestCluster } from "../support/testCluster.ts";
import type { NodeProcess, TestEnvironment } from "../support/testNode.ts";
import { waitFor } from "../support/waitFor.ts";
import { allEnded } from "./allEnded.ts";
import type { CoordinatorCommands } from "./coordinatorProcess.ts";
import type { FollowerPlace } from "./followersProcess.ts";
import { LoadPrograms } from "./loadPrograms.ts";
import { writePairedState } from "./pairedState.ts";
import { WORK_RULE } from "./rules.ts";
import { SessionWatch } from "./sessionWatch.ts";
import { TcpProxy } from "./tcpProxy.ts";

export interface FaultClusterOptions {
  readonly nodes: number;
  readonly followers: number;
  /** The followers' processes share the followers between them. */
  readonly followerProcesses: number;
  readonly handlers: number;
  /** Whether each follower reaches each node through a proxy of its own. */
  readonly isProxied: boolean;
  readonly leaseMs: number;
  readonly silenceTimeoutMs: number;
  /** How long a handler works at a message. */
  readonly workMs: number;
  readonly nodeSettings: TestEnvironment;
  /** By how much each node's wall clock is off (ms). */
  readonly nodeSkewMs: readonly number[];
}

const COORDINATOR = new URL("./coordinatorProcess.ts", import.meta.url);
const CLOCK_SKEW = new URL("./clockSkew.ts", import.meta.url);

const START_TIMEOUT_MS = 60_000;

/** The cluster did not come up. What its processes wrote down is in the folder. */
export class FaultStartError extends Error {
  readonly code = "FAULT_START";
  readonly folder: string;

  constructor(message: string, folder: string, options?: ErrorOptions) {
    super(message, options);
    this.folder = folder;
  }
}

/** A whole cluster of real processes on a Redis of its own, with followers, senders and handlers, to be broken. */
export class FaultCluster {
  readonly redis: RedisServer;
  readonly cluster: TestCluster;
  readonly programs: LoadPrograms;
  readonly watch: SessionWatch;
  readonly folder: string;
  readonly followers: readonly string[];
  /** By follower, then by node. */
  readonly proxies: readonly (readonly TcpProxy[])[];
  readonly #nodes: NodeProcess[] = [];
  readonly #options: FaultClusterOptions;
  readonly #ports: readonly number[];
  readonly #nodeLogs: string[][] = [];
  #coordinator: Child<CoordinatorCommands> | undefined;
  /** One that is stopped does not notice the end of this process. */
  readonly #killNodes = () => {
    for (const node of this.#nodes) node.signal("SIGKILL");
  };

  private constructor(redis: RedisServer, cluster: TestCluster, options: FaultClusterOptions, made: Made) {
    this.redis = redis;
    this.cluster = cluster;
    this.#options = options;
    this.folder = made.folder;
    this.followers = made.followers;
    this.proxies = made.proxies;
    this.#ports = made.ports;
    this.programs = new LoadPrograms({
      ...options,
      place: { redisUrl: redis.url, keyPrefix: cluster.stores.keys.prefix },
      folder: made.folder,
      followers: Array.from({ length: options.followerProcesses }, (_, process) =>
        made.followers.flatMap((_, index) =>
          index % options.followerProcesses === process ? [this.#place(index)] : [],
        ),
      ),
    });
    process.on("exit", this.#killNodes);
    this.watch = new SessionWatch(cluster.stores, made.followers);
  }

  /**
   * Starts all of it and waits until every follower has a session.
   * @throws FaultStartError when one has none in time, or a process does not start.
   */
  static async start(options: FaultClusterOptions): Promise<FaultCluster> {
    // What was answered must survive a kill of Redis: `everysec` would leave a second of it to chance.
    const redis = await startRedis({ args: ["--appendfsync", "always"] });
    const cluster = await TestCluster.open(redis.url, clusterSettings(options));
    const folder = mkdtempSync(join(tmpdir(), "faults-"));
    mkdirSync(join(folder, "state"));
    const followers = Array.from({ length: options.followers }, (_, index) => `f${String(index).padStart(2, "0")}`);
    const ports = await freePorts(options.nodes);
    const openProxies = () => Promise.all(ports.map((port) => TcpProxy.open({ host: "127.0.0.1", port })));
    const proxies = options.isProxied ? await Promise.all(followers.map(openProxies)) : [];
    const made = new FaultCluster(redis, cluster, options, { folder, ports, followers, proxies });
    try {
      await made.#begin();
      return made;
    } catch (error) {
      await made.stop();
      const why = error instanceof Error ? error.message : String(error);
      const told = made.programs.refusals();
      const addition = told.length === 0 ? "" : `; followers were told ${told.join(", ")}`;
      throw new FaultStartError(`${why}${addition}`, folder, { cause: error });
    }
  }

  get nodeCount(): number {
    return this.#options.nodes;
  }

  async startNode(index: number): Promise<void> {
    const skewMs = this.#options.nodeSkewMs[index] ?? 0;
    const log: string[] = [];
    this.#nodeLogs.push(log);
    this.#nodes[index] = await this.cluster.startNodeProcess(
      {
        YONEXUS_LISTEN_PORT: String(this.#ports[index]),
        YONEXUS_NODE_NAME: `node${index}`,
        ...(skewMs === 0 ? {} : { NODE_OPTIONS: `--import=${CLOCK_SKEW.href}?${skewMs}` }),
      },
      log,
    );
  }

  node(index: number): NodeProcess {
    const node = this.#nodes[index];
    if (node === undefined) throw new RangeError(`There is no node ${index}.`);
    return node;
  }

  /** Ends the node with the signal and starts it again on its port. */
  async restartNode(index: number, signal: NodeJS.Signals): Promise<void> {
    const node = this.node(index);
    node.signal(signal);
    await node.exited;
    await this.startNode(index);
  }

  /** Stops the load and waits until all that was sent is answered and handled, and every follower is back, or for so long. */
  async settle(timeoutMs: number): Promise<readonly string[]> {
    const deadline = performance.now() + timeoutMs;
    const left = (): number => Math.max(1_000, deadline - performance.now());
    await this.programs.finishLoad(timeoutMs);
    const { redis, keys } = this.cluster.stores;
    const isEmpty = async () => (await redis.xlen(keys.rule(WORK_RULE).inbox)) === 0;
    await waitFor("the inbox to be empty", isEmpty, left()).catch(() => undefined);
    let absent: string[] = [...this.followers];
    const allBack = async () => {
      absent = await this.#absent();
      return absent.length === 0;
    };
    await waitFor("every follower to be back", allBack, left()).catch(() => undefined);
    return absent;
  }

  /** Ends everything. What was written down stays in the folder until it is removed. */
  async stop(): Promise<void> {
    this.watch.stop();
    process.off("exit", this.#killNodes);
    await Promise.all([this.programs.stop(), this.#coordinator?.kill()]);
    await this.cluster.stop();
    await Promise.all(this.proxies.flat().map((proxy) => proxy.close()));
    await this.redis.stop();
    for (const [index, log] of this.#nodeLogs.entries())
      writeFileSync(join(this.folder, `node-${index}.log`), log.join("\n"));
  }

  removeFolder(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #begin(): Promise<void> {
    for (const [index, follower] of this.followers.entries()) {
      await writePairedState(this.cluster.stores, follower, this.#place(index).stateFile);
    }
    await allEnded(this.#ports.map((_, index) => this.startNode(index)));
    this.#coordinator = await Child.start<CoordinatorCommands>(COORDINATOR, "coordinator", {
      env: { ...this.cluster.env, YONEXUS_LOG_LEVEL: "silent" },
    });
    await this.#coordinator.call("start");
    await this.programs.start();
    const allPresent = async () => (await this.#absent()).length === 0;
    await waitFor("every follower to have a session", allPresent, START_TIMEOUT_MS);
  }

  /** Who has no session, by its own account or by Redis'. */
  async #absent(): Promise<string[]> {
    const present = await this.programs.present();
    const offline = new Set(await this.watch.absent());
    return this.followers.filter((follower) => offline.has(follower) || !present.has(follower));
  }

  /** Each follower begins with another node. */
  #place(index: number): FollowerPlace {
    const ports = this.#options.isProxied ? (this.proxies[index] ?? []).map(({ port }) => port) : this.#ports;
    const first = Math.floor(index / this.#options.followerProcesses) % ports.length;
    const urls = [...ports.slice(first), ...ports.slice(0, first)].map((port) => `ws://127.0.0.1:${port}`);
    const identifier = this.followers[index] ?? "";
    return { identifier, urls, stateFile: join(this.folder, "state", `${identifier}.json`) };
  }
}

interface Made {
  readonly folder: string;
  readonly ports: readonly number[];
  readonly followers: readonly string[];
  readonly proxies: readonly (readonly TcpProxy[])[];
}

/** Short times, and no limit that a load from one address reaches. */
function clusterSettings({ leaseMs, nodeSettings }: FaultClusterOptions): TestEnvironment {
  return {
    YONEXUS_LEASE_MS: String(leaseMs),
    YONEXUS_SWEEP_INTERVAL_MS: "500",
    YONEXUS_PING_INTERVAL_MS: "1000",
    YONEXUS_DRAIN_WINDOW_MS: "1000",
    YONEXUS_MAX_UNAUTHENTICATED_PER_ADDRESS: "1000",
    YONEXUS_LOG_LEVEL: "debug",
    ...nodeSettings,
  };
}
