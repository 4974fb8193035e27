import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newSavedState } from "@yonexus/protocol/client";
import { keyFingerprint } from "@yonexus/protocol/wire";
import { Child } from "../bench/childProcess.ts";
import { freePorts } from "../support/freePorts.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { pairFollower } from "../support/stores.ts";
import { TestCluster } from "../support/testCluster.ts";
import type { NodeProcess, TestEnvironment } from "../support/testNode.ts";
import { waitFor } from "../support/waitFor.ts";
import type { CoordinatorCommands } from "./coordinatorProcess.ts";
import type { FollowersCommands } from "./followersProcess.ts";
import type { HandlerCommands } from "./handlerProcess.ts";
import { WORK_RULE } from "./rules.ts";
import type { SenderCommands } from "./senderProcess.ts";
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

interface Load {
  readonly delivery: "queued" | "live";
  readonly toFollowersPerSecond: number;
  readonly fromFollowersPerSecond: number;
  readonly paddingBytes: number;
}

const PROGRAMS = {
  coordinator: new URL("./coordinatorProcess.ts", import.meta.url),
  sender: new URL("./senderProcess.ts", import.meta.url),
  handler: new URL("./handlerProcess.ts", import.meta.url),
  followers: new URL("./followersProcess.ts", import.meta.url),
};
const CLOCK_SKEW = new URL("./clockSkew.ts", import.meta.url);

/** A whole cluster of real processes on a Redis of its own, with followers, senders and handlers, to be broken. */
export class FaultCluster {
  readonly redis: RedisServer;
  readonly cluster: TestCluster;
  readonly watch: SessionWatch;
  readonly folder: string;
  readonly followers: readonly string[];
  /** By follower, then by node. */
  readonly proxies: readonly (readonly TcpProxy[])[];
  readonly nodes: NodeProcess[] = [];
  readonly #options: FaultClusterOptions;
  readonly #ports: readonly number[];
  readonly #stateFiles: readonly string[];
  readonly #followerChildren: Child<FollowersCommands>[] = [];
  readonly #handlers: Child<HandlerCommands>[] = [];
  readonly #nodeLogs: string[][] = [];
  #coordinator: Child<CoordinatorCommands> | undefined;
  #sender: Child<SenderCommands> | undefined;
  #load: Load | undefined;
  #starts = 0;
  readonly #killNodes = () => {
    for (const node of this.nodes) node.signal("SIGKILL");
  };

  private constructor(
    redis: RedisServer,
    cluster: TestCluster,
    options: FaultClusterOptions,
    made: {
      folder: string;
      ports: readonly number[];
      followers: readonly string[];
      stateFiles: readonly string[];
      proxies: TcpProxy[][];
    },
  ) {
    this.redis = redis;
    this.cluster = cluster;
    this.#options = options;
    this.folder = made.folder;
    this.followers = made.followers;
    this.proxies = made.proxies;
    this.#ports = made.ports;
    this.#stateFiles = made.stateFiles;
    process.on("exit", this.#killNodes);
    this.watch = new SessionWatch(cluster.stores, made.followers);
  }

  /** Starts all of it and waits until every follower has a session. */
  static async start(options: FaultClusterOptions): Promise<FaultCluster> {
    // What was answered must survive a kill of Redis: `everysec` would leave a second of it to chance.
    const redis = await startRedis({ args: ["--appendfsync", "always"] });
    let made: FaultCluster | undefined;
    try {
      const cluster = await TestCluster.open(redis.url, clusterSettings(options));
      const folder = mkdtempSync(join(tmpdir(), "faults-"));
      const followers = Array.from({ length: options.followers }, (_, index) => `f${String(index).padStart(2, "0")}`);
      const stateFiles = followers.map((follower) => join(folder, "state", `${follower}.json`));
      mkdirSync(join(folder, "state"));
      const ports = await freePorts(options.nodes);
      const openProxies = () => Promise.all(ports.map((port) => TcpProxy.open({ host: "127.0.0.1", port })));
      const proxies = options.isProxied ? await Promise.all(followers.map(openProxies)) : [];
      made = new FaultCluster(redis, cluster, options, { folder, ports, followers, stateFiles, proxies });
      await made.#begin();
      return made;
    } catch (error) {
      if (made === undefined) await redis.stop();
      else await made.stop();
      throw error;
    }
  }

  get nodeCount(): number {
    return this.#options.nodes;
  }

  journal(of: "sender" | "senders-in" | "followers" | "handlers", index = 0): string {
    return join(this.folder, `${of}-${index}.jsonl`);
  }

  get followerProcesses(): number {
    return this.#options.followerProcesses;
  }

  async startNode(index: number): Promise<void> {
    const skewMs = this.#options.nodeSkewMs[index] ?? 0;
    const log: string[] = [];
    this.#nodeLogs.push(log);
    this.nodes[index] = await this.cluster.startNodeProcess(
      {
        YONEXUS_LISTEN_PORT: String(this.#ports[index]),
        YONEXUS_NODE_NAME: `node${index}`,
        ...(skewMs === 0 ? {} : { NODE_OPTIONS: `--import=${CLOCK_SKEW.href}?${skewMs}` }),
      },
      log,
    );
  }

  node(index: number): NodeProcess {
    const node = this.nodes[index];
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

  startLoad(load: Load): Promise<void> {
    this.#load = load;
    return Promise.all([this.#sendOut(), ...this.#followerChildren.map((_, index) => this.#sendIn(index))]).then(
      () => {},
    );
  }

  /** Kills the sender and starts a successor, which goes on by its journal. */
  async replaceSender(): Promise<void> {
    await this.#sender?.kill();
    this.#sender = await this.#startSender();
    await this.#sendOut();
  }

  async replaceHandler(index: number): Promise<void> {
    await this.#handlers[index]?.kill();
    this.#handlers[index] = await this.#startHandler();
  }

  async replaceFollowers(index: number): Promise<void> {
    await this.#followerChildren[index]?.kill();
    this.#followerChildren[index] = await this.#startFollowers(index);
    await this.#sendIn(index);
  }

  /** Stops the load and waits until all that was sent is answered and handled, and every follower is back, or for so long. */
  async settle(timeoutMs: number): Promise<readonly string[]> {
    const deadline = performance.now() + timeoutMs;
    const left = (): number => Math.max(1_000, deadline - performance.now());
    await Promise.all([
      this.#sender?.call("finish", { timeoutMs }),
      ...this.#followerChildren.map((child) => child.call("finish", { timeoutMs })),
    ]);
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
    const children: readonly (Child<never> | undefined)[] = [
      this.#sender,
      this.#coordinator,
      ...this.#handlers,
      ...this.#followerChildren,
    ] as readonly (Child<never> | undefined)[];
    await Promise.all(children.map((child) => child?.kill()));
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
    const { nodes, handlers, followerProcesses } = this.#options;
    const indexes = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
    await this.#pair();
    await Promise.all(indexes(nodes).map((index) => this.startNode(index)));
    this.#coordinator = await Child.start<CoordinatorCommands>(PROGRAMS.coordinator, "coordinator", {
      env: { ...this.cluster.env, YONEXUS_LOG_LEVEL: "silent" },
    });
    await this.#coordinator.call("start");
    await Promise.all([
      ...indexes(handlers).map(async (index) => {
        this.#handlers[index] = await this.#startHandler();
      }),
      ...indexes(followerProcesses).map(async (index) => {
        this.#followerChildren[index] = await this.#startFollowers(index);
      }),
      this.#startSender().then((sender) => {
        this.#sender = sender;
      }),
    ]);
    let absent: readonly string[] = [];
    await waitFor("every follower to have a session", async () => {
      absent = await this.#absent();
      return absent.length === 0;
    }).catch(() => {
      throw new Error(`Without a session at the start: ${absent.join(" ")}. `);
    });
  }

  async #pair(): Promise<void> {
    for (const [index, identifier] of this.followers.entries()) {
      const key = newSavedState(identifier);
      const { publicKey } = key;
      const secret = Buffer.from(`the secret of ${identifier} in a test`).toString("base64");
      const fingerprint = keyFingerprint(Buffer.from(publicKey, "base64"));
      await pairFollower(this.cluster.stores, identifier, {
        key: { publicKey, fingerprint },
        secret,
        address: identifier,
      });
      const state = { ...key, secret, pairedAt: Math.floor(Date.now() / 1000) };
      writeFileSync(this.#stateFiles[index] ?? "", JSON.stringify(state), { mode: 0o600 });
    }
  }

  /** Who has no session, by its own account or by Redis'. */
  async #absent(): Promise<string[]> {
    const present = new Set((await Promise.all(this.#followerChildren.map((child) => child.call("present")))).flat());
    const offline = new Set(await this.watch.absent());
    return this.followers.filter((follower) => offline.has(follower) || !present.has(follower));
  }

  get #place(): { redisUrl: string; keyPrefix: string } {
    return { redisUrl: this.redis.url, keyPrefix: this.cluster.stores.keys.prefix };
  }

  async #startSender(): Promise<Child<SenderCommands>> {
    const child = await Child.start<SenderCommands>(PROGRAMS.sender, "sender");
    await child.call("open", this.#place);
    return child;
  }

  async #startHandler(): Promise<Child<HandlerCommands>> {
    const child = await Child.start<HandlerCommands>(PROGRAMS.handler, "handler");
    const { leaseMs, workMs } = this.#options;
    const worker = `handler-${this.#starts++}`;
    await child.call("handle", { ...this.#place, journal: this.journal("handlers"), worker, leaseMs, workMs });
    return child;
  }

  async #startFollowers(index: number): Promise<Child<FollowersCommands>> {
    const child = await Child.start<FollowersCommands>(PROGRAMS.followers, "followers");
    const followers = this.#ofProcess(index).map((identifier) => {
      const own = this.followers.indexOf(identifier);
      return { identifier, urls: this.#urlsOf(own), stateFile: this.#stateFiles[own] ?? "" };
    });
    const worker = `followers-${this.#starts++}`;
    const { silenceTimeoutMs } = this.#options;
    await child.call("start", { followers, journal: this.journal("followers", index), worker, silenceTimeoutMs });
    return child;
  }

  #ofProcess(index: number): string[] {
    return this.followers.filter((_, own) => own % this.#options.followerProcesses === index);
  }

  /** Each follower begins with another node. */
  #urlsOf(own: number): string[] {
    const ports = this.#options.isProxied ? (this.proxies[own] ?? []).map(({ port }) => port) : this.#ports;
    const first = Math.floor(own / this.#options.followerProcesses) % ports.length;
    return [...ports.slice(first), ...ports.slice(0, first)].map((port) => `ws://127.0.0.1:${port}`);
  }

  async #sendOut(): Promise<void> {
    if (this.#load === undefined) return;
    const { toFollowersPerSecond: perSecond, delivery, paddingBytes } = this.#load;
    const { followers } = this;
    const load = { followers, perSecond, delivery, paddingBytes, name: "out", journal: this.journal("sender") };
    await this.#sender?.call("send", load);
  }

  async #sendIn(index: number): Promise<void> {
    if (this.#load === undefined || this.#load.fromFollowersPerSecond === 0) return;
    const perSecond = this.#load.fromFollowersPerSecond / this.#options.followerProcesses;
    const load = {
      followers: this.#ofProcess(index),
      perSecond,
      name: "in",
      journal: this.journal("senders-in", index),
    };
    await this.#followerChildren[index]?.call("send", load);
  }
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
