import type { RedisConnection } from "../redis/connection.ts";
import { LATENCY_BOUNDS, type Latency } from "./latency.ts";
import type { Counts, MetricSet } from "./metricSet.ts";
import { byLabel, ONE } from "./series.ts";

/** Between two questions to Redis (ms). */
const ASK_EVERY_MS = 1_000;

/** How Redis does, as this process sees it. */
export class RedisMetrics<Name extends string> {
  readonly #asked: RedisConnection;
  readonly #seconds: Latency<"one">;
  readonly #failed: Counts<"one">;
  readonly #lost: Counts<Name>;
  #timer: NodeJS.Timeout | undefined;
  #answers: boolean | undefined;
  #isAsking = false;

  /** @param connections those of the process, by what they are for. @param asked one of them, for commands. */
  constructor(metrics: MetricSet, connections: Readonly<Record<Name, RedisConnection>>, asked: RedisConnection) {
    this.#asked = asked;
    const names = Object.keys(connections) as Name[];
    const series = byLabel("connection", names);
    this.#seconds = metrics.latency(
      {
        name: "yonexus_redis_command_seconds",
        help: "How long a command takes, of one PING a second that goes the way of every other command.",
      },
      ONE,
      LATENCY_BOUNDS,
    );
    this.#failed = metrics.counter(
      { name: "yonexus_redis_command_failures_total", help: "PINGs that Redis did not answer." },
      ONE,
    );
    this.#lost = metrics.counter(
      {
        name: "yonexus_redis_reconnects_total",
        help: "Connections to Redis that were lost; each comes back by itself.",
      },
      series,
    );
    metrics.gauge({ name: "yonexus_redis_up", help: "1 when Redis answered the last PING." }, ONE, () => ({
      one: this.#answers === undefined ? undefined : Number(this.#answers),
    }));
    metrics.gauge({ name: "yonexus_redis_connected", help: "1 when the connection is ready." }, series, () => {
      const states = names.map((name) => [name, Number(connections[name].status === "ready")]);
      return Object.fromEntries(states) as Record<Name, number>;
    });
    for (const name of names) this.#watch(name, connections[name]);
  }

  /** Begins to ask Redis. It keeps no process alive. */
  start(): void {
    this.#timer ??= setInterval(() => void this.#ask(), ASK_EVERY_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #watch(name: Name, connection: RedisConnection): void {
    let wasReady = connection.status === "ready";
    connection.on("ready", () => {
      wasReady = true;
    });
    connection.on("close", () => {
      if (wasReady) this.#lost.add(name);
      wasReady = false;
    });
  }

  async #ask(): Promise<void> {
    // One that hangs is told when it fails, and no others wait behind it.
    if (this.#isAsking) return;
    this.#isAsking = true;
    const askedAt = performance.now();
    try {
      await this.#asked.ping();
      this.#seconds.note("one", performance.now() - askedAt);
      this.#answers = true;
    } catch {
      this.#failed.add("one");
      this.#answers = false;
    } finally {
      this.#isAsking = false;
    }
  }
}
