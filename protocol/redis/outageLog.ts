import type { Logger } from "../log/index.ts";
import type { RedisConnection } from "./connection.ts";
import { explainRefusal } from "./refusal.ts";

/** The same error is logged once in this time (ms). */
const REPEAT_AFTER_MS = 60_000;
/** Remembered at most: the text of an error that names a job differs from all others. */
const MAX_SUBJECTS = 100;

interface Repeated {
  readonly loggedAt: number;
  leftOut: number;
}

/** One log line when Redis goes away and one when it is back, however many connections notice, however often. */
export class OutageLog {
  readonly #logger: Logger;
  readonly #now: () => number;
  readonly #connections: RedisConnection[] = [];
  readonly #reported = new Map<string, Repeated>();
  #away = false;
  #silent = false;

  /** @param now a clock in ms that never goes back. */
  constructor(logger: Logger, now: () => number = () => performance.now()) {
    this.#logger = logger;
    this.#now = now;
  }

  watch(connection: RedisConnection): void {
    this.#connections.push(connection);
    connection.on("error", (error: Error) => this.#lost(error));
    connection.on("ready", () => this.#found());
  }

  /** Redis does not answer, which no event of a connection shows that is open. It lasts until `answered`. */
  silent(): void {
    this.#silent = true;
    if (this.#away) return;
    this.#away = true;
    const what = this.#allReady()
      ? ", though its connections are open: look at its machine and the network"
      : ": check REDIS_URL";
    this.#logger.warn(
      { event: "redis_away", error: "no answer in time" },
      `Redis does not answer${what}; trying again until it does.`,
    );
  }

  /** Whoever said `silent` got an answer. */
  answered(): void {
    if (!this.#silent) return;
    this.#silent = false;
    this.#found();
  }

  /** An error of some work with Redis: part of an outage, a refusal, or a finding of its own. @param source whose it is. */
  report(source: string, error: Error): void {
    const refusal = explainRefusal(error);
    if (refusal?.concerns === "password") this.#lost(error);
    else if (refusal !== undefined) this.#warn(refusal.found, source, error, `${refusal.found}. ${refusal.mend}`);
    else if (this.#away || !this.#allReady()) this.#lost(error);
    else this.#warn(error.message, source, error, "Work with Redis failed.");
  }

  /** @param subject what is said once in a while: the text of a reply may name the script that it is about. */
  #warn(subject: string, source: string, { message: text }: Error, message: string): void {
    const now = this.#now();
    const before = this.#reported.get(subject);
    if (before !== undefined && now - before.loggedAt < REPEAT_AFTER_MS) {
      before.leftOut += 1;
      return;
    }
    this.#reported.delete(subject);
    this.#reported.set(subject, { loggedAt: now, leftOut: 0 });
    const [oldest] = this.#reported.keys();
    if (oldest !== undefined && this.#reported.size > MAX_SUBJECTS) this.#reported.delete(oldest);
    this.#logger.warn(
      { event: "redis_work_failed", source, error: text, ...(before?.leftOut ? { leftOut: before.leftOut } : {}) },
      message,
    );
  }

  #lost(error: Error): void {
    if (this.#away) return;
    this.#away = true;
    const refusal = explainRefusal(error);
    const message =
      refusal?.concerns === "password"
        ? "Redis refuses the password: check REDIS_URL; trying again."
        : "Redis does not answer: check REDIS_URL; trying again until it does.";
    this.#logger.warn({ event: "redis_away", error: error.message }, message);
  }

  #found(): void {
    if (!this.#away || this.#silent || !this.#allReady()) return;
    this.#away = false;
    this.#logger.info({ event: "redis_back" }, "Redis answers again.");
  }

  #allReady(): boolean {
    return this.#connections.every((connection) => connection.status === "ready");
  }
}
