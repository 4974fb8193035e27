import { setTimeout as sleep } from "node:timers/promises";
import { readRedisTls } from "@yonexus/protocol/config";
import { LocalError } from "@yonexus/protocol/local";
import { pairingsUnderWay, redisPlace } from "@yonexus/protocol/operator";
import {
  type Cluster,
  explainConnection,
  openCluster,
  type RedisConnection,
  RedisUrlError,
  redisNow,
  SchemaMismatchError,
  type StatusChange,
  TrustStore,
  unlessAborted,
} from "@yonexus/protocol/redis";
import { CertificateError } from "@yonexus/protocol/tls";
import { type AgentWaker, wakeAgent } from "./agentRules.ts";
import { answerWithin } from "./answerWithin.ts";
import { codesAt, type PluginConfig } from "./config.ts";
import { requireSameMasterKey, requireWriting } from "./deployment.ts";
import { PluginError } from "./errors.ts";
import { kindOf } from "./failure.ts";
import { GatewayAllowlist } from "./gatewayAllowlist.ts";
import type { HostLogger } from "./host.ts";
import { type HealthReport, LinkHealth } from "./linkHealth.ts";
import { settingName } from "./nextSteps.ts";
import { SetupRunner, type YonexusHub } from "./pluginInterface.ts";
import { RuleDesk } from "./ruleDesk.ts";

/** The private cluster of standalone mode: its Redis first, then, when that answers, a node and a coordinator. */
export interface StandaloneCluster {
  readonly redisUrl: string;
  /** Starts the node and the coordinator. @throws the listener's error when the port is taken. */
  serve(signal: AbortSignal): Promise<{ readonly url: string }>;
  /** A sentence with what happened to its private Redis and what to do, while that does not run. */
  problem(): string | undefined;
  /** Keeps of a follower's codes only those of these keys (fingerprints). It never rejects. */
  keepCodes(identifier: string, fingerprints: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}

export interface RuntimeParts {
  readonly config: PluginConfig;
  readonly logger: HostLogger;
  readonly health: HealthReport;
  readonly hub: YonexusHub;
  /** Undefined where this OpenClaw cannot wake agents. */
  readonly waker: AgentWaker | undefined;
  /** Names this gateway among those that feed the allowlist: `gateway:…`. */
  readonly source: () => string;
  /** The same, of a gateway that was named before. */
  readonly knownSource: () => string | undefined;
  /** Loaded only in standalone mode. */
  readonly startStandalone: (signal: AbortSignal) => Promise<StandaloneCluster>;
}

/** How the runtime is, for people and programs. */
export interface RuntimeStatus {
  readonly mode: PluginConfig["mode"];
  readonly phase: "connecting" | "refused" | "connected" | "stopped";
  /** Why it does not work now. */
  readonly problem?: string;
  /** Standalone mode: where followers connect to. */
  readonly listensAt?: string;
  /** Where the codes of pairings are told. */
  readonly codesAt: "terminal" | "admin";
}

const CONNECT_TIMEOUT_MS = 5_000;
const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 10_000;
/** What a person has to mend is looked at again after this (ms). */
const REFUSED_RETRY_MS = 15_000;
/**
 * OpenClaw gives a plugin five seconds to stop, whatever hangs or fails in it. What takes longer than its share is not waited for, and
 * ends by itself (ms).
 */
const STOP_MS = 4_500;
const CLOSE_MS = 300;
/** Handlers may finish what they are at for so long (ms). */
const STOP_HANDLERS_MS = 2_500;
/** The node, the coordinator and the private Redis need most of the time, handlers the rest (ms). */
const STOP_STANDALONE_MS = 2_900;
const STOP_STANDALONE_HANDLERS_MS = 1_000;

/** Owns everything that the plugin opened in this process: started once, stopped completely. */
export class PluginRuntime {
  readonly #parts: RuntimeParts;
  readonly #stopping = new AbortController();
  readonly #desk: RuleDesk;
  readonly #setups: SetupRunner;
  #phase: RuntimeStatus["phase"] = "connecting";
  #problem: string | undefined;
  #listensAt: string | undefined;
  #link: LinkHealth | undefined;
  #cluster: Cluster | undefined;
  #standalone: StandaloneCluster | undefined;
  #allowlist: GatewayAllowlist | undefined;
  #connected = Promise.withResolvers<Cluster>();
  #run: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  constructor(parts: RuntimeParts) {
    this.#parts = parts;
    const isStandalone = parts.config.mode === "standalone";
    this.#desk = new RuleDesk(parts.logger, isStandalone ? STOP_STANDALONE_HANDLERS_MS : STOP_HANDLERS_MS);
    this.#setups = new SetupRunner(parts.hub, {
      desk: this.#desk,
      cluster: (ms) => this.cluster(ms),
      logger: parts.logger,
    });
    this.#connected.promise.catch(() => {});
  }

  get desk(): RuleDesk {
    return this.#desk;
  }

  get setupFailures(): ReadonlyMap<string, string> {
    return this.#setups.failures;
  }

  status(): RuntimeStatus {
    const connecting = this.#phase === "connected" ? undefined : this.#problem;
    const problem = this.#standalone?.problem() ?? connecting ?? this.#link?.problem;
    return {
      mode: this.#parts.config.mode,
      phase: this.#phase,
      codesAt: codesAt(this.#parts.config),
      ...(problem === undefined ? {} : { problem }),
      ...(this.#listensAt === undefined ? {} : { listensAt: this.#listensAt }),
    };
  }

  /** Begins to connect, and returns: a gateway does not wait for Redis. */
  start(): void {
    if (this.#run !== undefined) return;
    this.#registerAgentRules();
    this.#setups.start();
    this.#run = this.#connect();
  }

  /**
   * The cluster, when Redis answers.
   * @throws PluginError `NOT_CONNECTED` when it does not within the time (ms), with why; `REFUSED`, `STOPPED`.
   */
  async cluster(timeoutMs: number): Promise<Cluster> {
    if (this.#phase === "stopped") throw new PluginError("STOPPED", "The Yonexus plugin was stopped.");
    if (this.#phase === "refused")
      throw new PluginError("REFUSED", this.#problem ?? "The plugin cannot use this Redis.");
    const began = performance.now();
    const cluster = this.#cluster ?? (await this.#within(timeoutMs, this.#connected.promise));
    // One that answers now: a connection that only seems to be there would be waited for in vain.
    await this.#within(timeoutMs - (performance.now() - began), answer(cluster.redis));
    return cluster;
  }

  /** Everything that was opened is closed when this resolves. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#phase = "stopped";
    this.#stopping.abort(new PluginError("STOPPED", "The Yonexus plugin was stopped."));
    this.#connected.reject(this.#stopping.signal.reason);
    this.#link?.close();
    this.#allowlist?.stop();
    const reserved = CLOSE_MS + (this.#parts.config.mode === "standalone" ? STOP_STANDALONE_MS : 0);
    const users = [this.#run, this.#setups.stop(), this.#desk.stop()];
    await this.#step("rules and registrations", everyOne(users), STOP_MS - reserved);
    await this.#step("connections", this.#cluster?.close(), CLOSE_MS);
    await this.#step("the node, the coordinator and the private Redis", this.#standalone?.stop(), STOP_STANDALONE_MS);
    this.#parts.health.well();
  }

  async #step(what: string, work: Promise<unknown> | undefined, timeoutMs: number): Promise<void> {
    const ended = Promise.resolve(work).then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    const end = await answerWithin<{ readonly error: unknown } | "late" | undefined>(timeoutMs, ended, () => "late");
    if (end === "late")
      this.#parts.logger.warn(`The end of ${what} takes more than ${timeoutMs / 1000} s: it is not waited for.`);
    else if (end !== undefined) this.#parts.logger.error(`The end of ${what} failed (${kindOf(end.error)}).`);
  }

  /** Until it is connected: after that every connection comes back by itself. */
  async #connect(): Promise<void> {
    const { signal } = this.#stopping;
    let retryMs = FIRST_RETRY_MS;
    while (!signal.aborted) {
      try {
        await this.#tryToConnect(signal);
        return;
      } catch (error) {
        if (signal.aborted) return;
        const isRefused = isForPeople(error);
        this.#failed(error, isRefused);
        await sleep(isRefused ? REFUSED_RETRY_MS : retryMs, undefined, { signal }).catch(() => {});
        retryMs = Math.min(retryMs * 2, MAX_RETRY_MS);
      }
    }
  }

  async #tryToConnect(signal: AbortSignal): Promise<void> {
    const { config, logger } = this.#parts;
    if (config.mode === "standalone") this.#standalone ??= await this.#parts.startStandalone(signal);
    const redisUrl = this.#standalone?.redisUrl ?? config.shared.redisUrl;
    if (redisUrl === undefined) throw new PluginError("CONFIG_INVALID", "redisUrl is not set.");
    let opened: Cluster | undefined;
    let lastError: unknown;
    // One for all tries: each would tell the same outage anew.
    this.#link ??= new LinkHealth(logger, this.#parts.health, redisPlace(redisUrl), {
      knownReason: () => this.#standalone?.problem(),
      probeWrite: async () => {
        if (this.#cluster === undefined) throw new PluginError("NOT_CONNECTED", "No cluster is open yet.");
        await requireWriting(this.#cluster.redis, this.#cluster.keys);
      },
    });
    const link = this.#link;
    try {
      opened = await openCluster({
        redisUrl,
        tls: readRedisTls(config.shared, settingName),
        keyPrefix: config.shared.keyPrefix,
        setting: settingName,
        timeoutMs: CONNECT_TIMEOUT_MS,
        signal,
        queue: {
          maxMessages: config.shared.queueMessages,
          maxBytes: config.shared.queueBytes,
          ttlMs: config.shared.queueTtlSeconds * 1000,
        },
        onConnection: (redis) => {
          redis.on("error", (error: unknown) => {
            lastError = error;
          });
          link.watch(redis);
        },
        onError: (error) => link.fail(error),
      });
      await this.#begin(opened, signal);
    } catch (error) {
      await opened?.close();
      // One that was closed between two tries of its own never says that it ended.
      link.forgetConnections();
      throw explainConnection(error) === undefined && lastError !== undefined ? lastError : error;
    }
    logger.info(this.#readySentence(redisUrl));
  }

  /** What has to be right before the plugin counts as connected. */
  async #begin(cluster: Cluster, signal: AbortSignal): Promise<void> {
    const { config, logger } = this.#parts;
    await requireSameMasterKey(cluster, config);
    const { followerIdentifiers } = config;
    const source = followerIdentifiers === undefined ? this.#parts.knownSource() : this.#parts.source();
    if (source !== undefined) {
      const trust = new TrustStore(cluster.redis, cluster.keys);
      this.#allowlist = new GatewayAllowlist(trust, followerIdentifiers, source, logger);
      await this.#allowlist.apply();
    }
    const subscribed = cluster.onStatusChange((event: StatusChange) => this.#statusChanged(event));
    await unlessAborted(signal, subscribed);
    if (this.#standalone !== undefined) this.#listensAt = (await this.#standalone.serve(signal)).url;
    this.#cluster = cluster;
    await this.#link?.look();
    signal.throwIfAborted();
    if (this.#link?.problem === undefined) this.#parts.health.well();
    this.#phase = "connected";
    this.#problem = undefined;
    this.#allowlist?.keep();
    this.#desk.connect(cluster);
    this.#connected.resolve(cluster);
  }

  #statusChanged(event: StatusChange): void {
    if (event.status === "online") void this.#forgetUsedCodes(event.identifier);
    this.#setups.statusChanged(event);
  }

  /** A follower that is online has used its code. Another key that uses its name may still wait for one. */
  async #forgetUsedCodes(identifier: string): Promise<void> {
    if (this.#standalone === undefined || this.#cluster === undefined) return;
    const { redis, keys } = this.#cluster;
    try {
      const waiting = await pairingsUnderWay(redis, keys, identifier, await redisNow(redis));
      await this.#standalone.keepCodes(
        identifier,
        waiting.map(({ fingerprint }) => fingerprint),
      );
    } catch {
      // Redis is away: the code goes when its time is over.
    }
  }

  #registerAgentRules(): void {
    const { config, waker, logger } = this.#parts;
    if (waker === undefined) {
      if (config.agentRules.length > 0)
        logger.warn("This OpenClaw cannot wake agents: the rules of the configuration are not handled.");
      return;
    }
    for (const rule of config.agentRules) {
      // Gateways that give a rule to agents of one id share it. What waits for an agent's turn is given back at a stop.
      this.#desk.register(`agent:${rule.agentId}`, rule.rule, wakeAgent(rule, waker, this.#stopping.signal), {
        stopTimeoutMs: 0,
      });
    }
  }

  #failed(error: unknown, isRefused: boolean): void {
    const problem = this.#sentence(error);
    this.#phase = isRefused ? "refused" : "connecting";
    const isTold = problem === this.#problem || problem === this.#link?.problem;
    this.#problem = problem;
    if (isTold) {
      this.#parts.logger.debug?.("Another try to connect failed as before.");
      return;
    }
    this.#parts.health.failed(problem);
    if (isRefused) this.#parts.logger.error(problem);
    else this.#parts.logger.warn(`${problem} Trying again until it does.`);
  }

  #sentence(error: unknown): string {
    if (isForPeople(error)) return error.message;
    const ended = this.#standalone?.problem();
    if (ended !== undefined) return ended;
    const known = explainConnection(error, settingName);
    const url = this.#standalone?.redisUrl ?? this.#parts.config.shared.redisUrl ?? "";
    if (known !== undefined) return `${known.found}, at ${redisPlace(url)}. ${known.mend}`;
    return error instanceof Error ? `The plugin could not start: ${error.message}` : "The plugin could not start.";
  }

  #readySentence(redisUrl: string): string {
    const { mode } = this.#parts.config;
    const place = redisPlace(redisUrl);
    if (mode === "cluster") return `Connected to the cluster at ${place}.`;
    return `Runs a cluster of its own on the Redis at ${place}: followers connect to ${this.#listensAt ?? "its node"}.`;
  }

  async #within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
    try {
      return await answerWithin(Math.max(1, timeoutMs), work, () => {
        throw this.#notConnected();
      });
    } catch (error) {
      throw error instanceof PluginError ? error : this.#notConnected(error);
    }
  }

  #notConnected(cause?: unknown): PluginError {
    const { problem } = this.status();
    return new PluginError(
      "NOT_CONNECTED",
      problem ?? `Redis does not answer: see that it runs, and that ${settingName("redisUrl")} is right.`,
      { cause },
    );
  }
}

/** @throws what the first of them that failed threw, when all have ended. */
async function everyOne(works: readonly (Promise<void> | undefined)[]): Promise<void> {
  const ends = await Promise.allSettled(works);
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}

/** Something that a person has to mend, and that says how. */
function isForPeople(error: unknown): error is Error {
  return [PluginError, SchemaMismatchError, RedisUrlError, CertificateError, LocalError].some(
    (kind) => error instanceof kind,
  );
}

async function answer(redis: RedisConnection): Promise<void> {
  await redis.time();
}
