import { explainConnection, type RedisConnection } from "@yonexus/protocol/redis";
import type { HostLogger } from "./host.ts";
import { settingName } from "./nextSteps.ts";

/** Who is told whether the plugin is well: OpenClaw's service health. */
export interface HealthReport {
  failed(problem: string): void;
  well(): void;
}

interface LinkPorts {
  /** Why Redis is away, where that is known better than the connections can tell. */
  readonly knownReason: () => string | undefined;
  /** Fails while Redis takes no writes. */
  readonly probeWrite: () => Promise<void>;
}

/** A refusal of Redis is over when a write goes through again: tried this often (ms). */
const PROBE_EVERY_MS = 5_000;

/** How the connections to Redis are, told once when it changes: one log line and one report each way. */
export class LinkHealth {
  readonly #logger: HostLogger;
  readonly #report: HealthReport;
  /** Where Redis is, for people. */
  readonly #place: string;
  readonly #ports: LinkPorts;
  readonly #connections = new Set<RedisConnection>();
  #problem: string | undefined;
  #probe: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(logger: HostLogger, report: HealthReport, place: string, ports: LinkPorts) {
    this.#logger = logger;
    this.#report = report;
    this.#place = place;
    this.#ports = ports;
  }

  /** Why work with Redis fails now; undefined while all is well. */
  get problem(): string | undefined {
    return this.#problem;
  }

  watch(redis: RedisConnection): void {
    this.#connections.add(redis);
    redis.on("error", (error: unknown) => this.fail(error));
    redis.on("ready", () => this.#ready());
    redis.on("end", () => this.#connections.delete(redis));
  }

  /** Work with Redis failed. What is no outage and no refusal of everything concerns that work alone. */
  fail(error: unknown): void {
    if (this.#closed) return;
    const known = explainConnection(error, settingName);
    const isAway = [...this.#connections].some((redis) => redis.status !== "ready");
    if (known === undefined && !isAway) return;
    const reason = this.#ports.knownReason();
    const problem =
      reason ??
      (known === undefined
        ? `Redis does not answer at ${this.#place}.`
        : `${known.found}, at ${this.#place}. ${known.mend}`);
    const isNew = this.#problem === undefined;
    // The first reason says most: what follows is often only that the connection is closed.
    if (isNew || ((reason ?? known) !== undefined && this.#problem !== problem)) {
      this.#problem = problem;
      this.#report.failed(problem);
    }
    if (isNew) this.#logger.warn(`${problem} Trying again until it does.`);
    this.#probe ??= setTimeout(() => void this.look(), PROBE_EVERY_MS);
  }

  /** All that were watched are closed. */
  forgetConnections(): void {
    this.#connections.clear();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#probe);
    this.#connections.clear();
  }

  #ready(): void {
    if (this.#problem !== undefined) void this.look();
  }

  /** Well again only when every connection is there and Redis takes writes. */
  async look(): Promise<void> {
    clearTimeout(this.#probe);
    this.#probe = undefined;
    if (this.#closed) return;
    const allReady = this.#connections.size > 0 && [...this.#connections].every((redis) => redis.status === "ready");
    if (allReady) {
      try {
        await this.#ports.probeWrite();
        this.#recovered();
        return;
      } catch (error) {
        this.fail(error);
      }
    }
    if (!this.#closed) this.#probe ??= setTimeout(() => void this.look(), PROBE_EVERY_MS);
  }

  #recovered(): void {
    if (this.#problem === undefined || this.#closed) return;
    this.#problem = undefined;
    this.#report.well();
    this.#logger.info("Redis answers again.");
  }
}
