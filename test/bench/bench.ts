import { randomBytes } from "node:crypto";
import { Keys } from "@yonexus/protocol/redis";
import { encodeNodeMessage } from "@yonexus/protocol/wire";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { MASTER_KEY } from "../support/stores.ts";
import { waitFor } from "../support/waitFor.ts";
import type { BareCommands } from "./bareProcess.ts";
import { Child, type ChildOptions, type Commands } from "./childProcess.ts";
import type { FollowersCommands } from "./followersProcess.ts";
import type { GatewayCommands } from "./gatewayProcess.ts";
import type { NodeCommands } from "./nodeProcess.ts";
import type { BenchOptions } from "./options.ts";
import type { BrokerSenderCommands } from "./peers/brokerSenderProcess.ts";
import { type Broker, type BrokerName, startBroker } from "./peers/brokers.ts";
import type { SocketIoCommands } from "./peers/socketIoProcess.ts";
import { type Usage, UsageMeter } from "./processUsage.ts";

export interface BenchNode {
  readonly child: Child<NodeCommands>;
  readonly nodeId: string;
  readonly url: string;
}

export interface BareServer {
  readonly child: Child<BareCommands>;
  readonly url: string;
}

type ProcessKind = "node" | "bare" | "followers" | "gateway" | "socketIo" | "brokerSender";

/** A process that is looked at while something is measured. */
export interface Observed {
  readonly name: string;
  readonly pid: number;
}

interface Starting extends ChildOptions {
  /** As results call the process; its kind unless told. */
  readonly name?: string;
}

const PROGRAMS: Readonly<Record<ProcessKind, URL>> = {
  node: new URL("./nodeProcess.ts", import.meta.url),
  bare: new URL("./bareProcess.ts", import.meta.url),
  followers: new URL("./followersProcess.ts", import.meta.url),
  gateway: new URL("./gatewayProcess.ts", import.meta.url),
  socketIo: new URL("./peers/socketIoProcess.ts", import.meta.url),
  brokerSender: new URL("./peers/brokerSenderProcess.ts", import.meta.url),
};

/** Whose time a profile tells. */
const PROFILED: readonly ProcessKind[] = ["node", "gateway"];

/** One measurement's surroundings: a Redis of its own and processes, all of which end with it. */
export class Bench {
  readonly options: BenchOptions;
  readonly redis: RedisServer;
  readonly keys: Keys;
  readonly #name: string;
  readonly #children: Child<Commands>[] = [];
  readonly #brokers: Broker[] = [];

  private constructor(name: string, options: BenchOptions, redis: RedisServer) {
    this.#name = name;
    this.options = options;
    this.redis = redis;
    this.keys = new Keys(`bench-${randomBytes(4).toString("hex")}`);
  }

  /** Runs one measurement, and ends all that it started, however it ends. */
  static async run<T>(name: string, options: BenchOptions, measure: (bench: Bench) => Promise<T>): Promise<T> {
    const bench = new Bench(name, options, await startRedis({ tcp: true }));
    try {
      return await measure(bench);
    } finally {
      await Promise.all([...bench.#children, ...bench.#brokers].map((each) => each.stop()));
      await bench.redis.stop();
    }
  }

  /** A node with limits that a load from one address does not reach. */
  async startNode(settings: Readonly<Record<string, string>> = {}, runtimeOptions: string[] = []): Promise<BenchNode> {
    const env = {
      REDIS_URL: this.redis.url,
      YONEXUS_KEY_PREFIX: this.keys.prefix,
      YONEXUS_MASTER_KEY: Buffer.from(MASTER_KEY).toString("base64"),
      YONEXUS_LISTEN_PORT: "0",
      YONEXUS_MAX_UNAUTHENTICATED: "100000",
      YONEXUS_MAX_UNAUTHENTICATED_PER_ADDRESS: "100000",
      YONEXUS_MAX_CONNECTIONS: "100000",
      YONEXUS_HANDSHAKE_RATE: "100000",
      YONEXUS_HANDSHAKE_BURST: "100000",
      YONEXUS_HANDSHAKE_RATE_PER_ADDRESS: "100000",
      YONEXUS_INBOUND_RATE_PER_SECOND: "100000",
      YONEXUS_INBOUND_BURST: "1000000",
      YONEXUS_RULE_BACKLOG: "10000000",
      // The machine's limit of open files may be below the raised limits, which is fine here.
      YONEXUS_LOG_LEVEL: "error",
      ...settings,
    };
    const child = await this.#start<NodeCommands>("node", { env, runtimeOptions });
    return { child, ...(await child.call("start")) };
  }

  async startBare(runtimeOptions: string[] = []): Promise<BareServer> {
    const child = await this.#start<BareCommands>("bare", { runtimeOptions });
    const { url } = await child.call("listen", { replies: handshakeReplies() });
    return { child, url };
  }

  /** The load generator, with so many paired followers. */
  async startFollowers(count: number): Promise<Child<FollowersCommands>> {
    const child = await this.#start<FollowersCommands>("followers", {});
    await child.call("pair", { redisUrl: this.redis.url, keyPrefix: this.keys.prefix, count });
    return child;
  }

  /** A process that has only Redis. */
  async startGateway(name = "gateway"): Promise<Child<GatewayCommands>> {
    const child = await this.#start<GatewayCommands>("gateway", { name });
    await child.call("open", { redisUrl: this.redis.url, keyPrefix: this.keys.prefix });
    return child;
  }

  startSocketIo(name: string): Promise<Child<SocketIoCommands>> {
    return this.#start<SocketIoCommands>("socketIo", { name });
  }

  startBrokerSender(): Promise<Child<BrokerSenderCommands>> {
    return this.#start<BrokerSenderCommands>("brokerSender", { name: "sender" });
  }

  /** Undefined where it is not installed. */
  async startBroker(name: BrokerName): Promise<Broker | undefined> {
    const broker = await startBroker(name);
    if (broker !== undefined) this.#brokers.push(broker);
    return broker;
  }

  /** Waits until the node has told Redis of the end of all its sessions. */
  async untilNoSessions(nodeId: string): Promise<void> {
    await waitFor("the sessions of the node to end", async () => {
      return (await this.redis.command("SCARD", this.keys.nodeSessions(nodeId))) === 0;
    });
  }

  /** Does a thing and tells how busy the processes and Redis were meanwhile. */
  async observed<T>(processes: readonly Observed[], work: () => Promise<T>): Promise<{ value: T; usage: Usage[] }> {
    const meter = new UsageMeter([...processes, { name: "redis", pid: this.redis.pid }]);
    const value = await work();
    return { value, usage: meter.read() };
  }

  /** Ours and the others in turn, and in each round from the other end. A profile is of ours alone. */
  async rounds(ours: () => Promise<void>, ...others: readonly (() => Promise<void>)[]): Promise<void> {
    const steps = this.isProfiled ? [ours] : [ours, ...others];
    for (let round = 0; round < this.options.rounds; round++) {
      for (const step of round % 2 === 0 ? steps : steps.toReversed()) {
        await step();
        process.stderr.write(".");
      }
    }
  }

  get isProfiled(): boolean {
    return this.options.profileFolder !== undefined;
  }

  async #start<C extends Commands>(
    kind: ProcessKind,
    { name = kind, runtimeOptions = [], ...options }: Starting,
  ): Promise<Child<C>> {
    const { profileFolder } = this.options;
    const profiling =
      profileFolder === undefined || !PROFILED.includes(kind)
        ? []
        : [
            "--cpu-prof",
            `--cpu-prof-dir=${profileFolder}`,
            `--cpu-prof-name=${this.#name}-${name}-${this.#children.length}.cpuprofile`,
          ];
    const child = await Child.start<C>(PROGRAMS[kind], name, {
      ...options,
      runtimeOptions: [...runtimeOptions, ...profiling],
    });
    this.#children.push(child as unknown as Child<Commands>);
    return child;
  }
}

/** What a node answers in a handshake, for the bare server to say. */
function handshakeReplies(): string[] {
  const timestamp = Math.floor(Date.now() / 1000);
  const identifier = "follower-1000";
  return [
    encodeNodeMessage({ type: "hello_ack", timestamp, payload: { identifier, nextAction: "auth_required" } }),
    encodeNodeMessage({
      type: "auth_success",
      timestamp,
      payload: { identifier, authenticatedAt: timestamp, status: "online" },
    }),
  ];
}
