import type { Logger } from "@yonexus/protocol/log";
import type { RedisConnection } from "@yonexus/protocol/redis";

/** One log line when Redis goes away and one when it is back, however many connections notice, however often. */
export class OutageLog {
  readonly #logger: Logger;
  readonly #connections: RedisConnection[] = [];
  #away = false;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  watch(connection: RedisConnection): void {
    this.#connections.push(connection);
    connection.on("error", (error: Error) => this.#lost(error));
    connection.on("ready", () => this.#found());
  }

  /** An error that a worker reports: part of an outage, or a finding of its own. */
  workerError(queue: string, error: Error): void {
    if (this.#away || !this.#allReady()) this.#lost(error);
    else this.#logger.warn({ queue, error: error.message }, "A worker reports an error.");
  }

  #lost(error: Error): void {
    if (this.#away) return;
    this.#away = true;
    this.#logger.warn({ error: error.message }, "Redis does not answer: trying again until it does.");
  }

  #found(): void {
    if (!this.#away || !this.#allReady()) return;
    this.#away = false;
    this.#logger.info("Redis answers again.");
  }

  #allReady(): boolean {
    return this.#connections.every((connection) => connection.status === "ready");
  }
}
