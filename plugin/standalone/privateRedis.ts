import { type Ending, endingText, type LocalRedis, ManagedProcess } from "@yonexus/protocol/local";
import { unlessAborted } from "@yonexus/protocol/redis";
import type { HostLogger } from "../core/host.ts";
import { runEvery } from "./stopSteps.ts";

/** How long it may take to write what it was told; what it had taken is on its disk's way even when it is killed then (ms). */
const STOP_PATIENCE_MS = 1_000;
/** A gateway runs for months: one that keeps ending is tried for as long (ms). */
const SLOW_RESTART_MS = 60_000;

/** The Redis of a gateway that is a cluster of its own, kept running. */
export class PrivateRedis {
  readonly url: string;
  readonly #plan: LocalRedis;
  readonly #logger: HostLogger;
  readonly #server: ManagedProcess;
  #problem: string | undefined;

  private constructor(plan: LocalRedis, logger: HostLogger) {
    this.url = plan.url;
    this.#plan = plan;
    this.#logger = logger;
    this.#server = new ManagedProcess(
      { ...plan.plan, slowRestartMs: SLOW_RESTART_MS },
      {
        said: () => {},
        exited: (_name, ending, restartInMs) => this.#exited(ending, restartInMs),
        restarted: () => {
          this.#problem = undefined;
          logger.info("The private Redis runs again.");
        },
      },
    );
  }

  /**
   * Resolves when it answers.
   * @throws LocalError when it does not; the signal's reason. Nothing is left of it then.
   */
  static async start(plan: LocalRedis, logger: HostLogger, signal: AbortSignal): Promise<PrivateRedis> {
    const redis = new PrivateRedis(plan, logger);
    try {
      await unlessAborted(signal, redis.#server.start());
    } catch (error) {
      await redis.stop();
      throw error;
    }
    const data = plan.plan.logPath.replace(/logs.redis\.log$/u, "redis");
    logger.info(`Started a private ${plan.description}; its data is under ${data}.`);
    return redis;
  }

  /** What happened to it and what to do, while it does not run. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** It is killed when it does not end by itself, halted or not. */
  stop(): Promise<void> {
    return runEvery([() => this.#server.stop("SIGTERM", STOP_PATIENCE_MS), () => this.#plan.remove()]);
  }

  #exited(ending: Ending, restartInMs: number | undefined): void {
    const { logPath } = this.#plan.plan;
    const why = endingText(ending);
    const isSlow = restartInMs === undefined || restartInMs >= SLOW_RESTART_MS;
    const problem = isSlow
      ? `The private Redis of this gateway ended again and again (${why}), and is tried once a minute now: see why in ${logPath}, and mend that (often it is a full disk, or too little memory).`
      : `The private Redis of this gateway ended (${why}), and is started again. If it goes on to end, see why in ${logPath}.`;
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.#logger.error(problem);
  }
}
