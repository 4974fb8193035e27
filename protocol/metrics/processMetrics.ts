import { readdirSync, readFileSync } from "node:fs";
import { LATENCY_BOUNDS, type Latency } from "./latency.ts";
import type { MetricSet } from "./metricSet.ts";
import { byLabel, ONE } from "./series.ts";

/** How late a timer of this much (ms) fires is how long the event loop was held up. */
const LAG_EVERY_MS = 100;

/** What the process needs, and how well its event loop keeps up. */
export class ProcessMetrics {
  readonly #lag: Latency<"one">;
  readonly #startedAt = Date.now() / 1000 - process.uptime();
  #timer: NodeJS.Timeout | undefined;

  constructor(metrics: MetricSet) {
    this.#lag = metrics.latency(
      {
        name: "yonexus_event_loop_lag_seconds",
        help: "How late a timer of 100 ms fires: for so long the event loop was held up.",
      },
      ONE,
      LATENCY_BOUNDS,
    );
    metrics.total(
      { name: "yonexus_process_cpu_seconds_total", help: "Processor time of the process." },
      byLabel("mode", ["user", "system"]),
      () => {
        const { user, system } = process.cpuUsage();
        return { user: user / 1e6, system: system / 1e6 };
      },
    );
    metrics.gauge(
      {
        name: "yonexus_process_memory_bytes",
        help: "Memory: resident, and of it used by JavaScript objects and outside of them.",
      },
      byLabel("kind", ["resident", "heap_used", "external"]),
      () => {
        const { rss, heapUsed, external } = process.memoryUsage();
        return { resident: rss, heap_used: heapUsed, external };
      },
    );
    metrics.gauge(
      { name: "yonexus_process_open_files", help: "Open files, sockets among them, and how many there may be." },
      byLabel("kind", ["open", "limit"]),
      openFiles,
    );
    metrics.gauge(
      { name: "yonexus_process_start_time_seconds", help: "When the process began (Unix time)." },
      ONE,
      () => ({ one: this.#startedAt }),
    );
  }

  /** Begins to watch the event loop. It keeps no process alive. */
  start(): void {
    let dueAt = performance.now() + LAG_EVERY_MS;
    this.#timer ??= setInterval(() => {
      const now = performance.now();
      this.#lag.note("one", now - dueAt);
      dueAt = now + LAG_EVERY_MS;
    }, LAG_EVERY_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

/** Where the system has no such folder they are not known. */
function openFiles(): { open?: number; limit?: number } {
  try {
    const limit = /^Max open files\s+(\d+)/mu.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
    return { open: readdirSync("/proc/self/fd").length, ...(limit === undefined ? {} : { limit: Number(limit) }) };
  } catch {
    return {};
  }
}
