import { type LoadedConfig, loadConfig } from "@yonexus/protocol/config";
import { createLogger, type Logger } from "@yonexus/protocol/log";
import type { Command } from "commander";
import { stoppableStart } from "./stoppableStart.ts";
import { stopRequested } from "./stopSignals.ts";

/** The options of `yonexus node` and `yonexus coordinator`. */
export interface ForegroundOptions {
  readonly config?: string;
  readonly json?: true;
}

type ProcessConfig = LoadedConfig<"redisUrl" | "masterKeys">;

export interface ForegroundProcess {
  /** In its log lines. */
  readonly name: string;
  /** @param signal aborted when it is told to stop before it is ready; then it rejects with its reason. */
  readonly start: (config: ProcessConfig, logger: Logger, signal: AbortSignal) => Promise<Started>;
}

interface Started {
  /** Resolves when the process may end. */
  readonly stop: () => Promise<void>;
  /** Tells that it is ready. */
  readonly announce: () => void;
  /** What SIGHUP does in place of a stop; absent where it is a stop. */
  readonly reload?: (() => void) | undefined;
}

export function addForegroundOptions(command: Command): Command {
  return command
    .option("--config <file>", "a JSON file with settings; the environment beats it")
    .option("--json", "tell by a line of JSON on standard output when it is ready");
}

/** Runs one process of the cluster until it is told to stop. @throws ConfigError without a Redis URL and a master key. */
export async function runInForeground(options: ForegroundOptions, { name, start }: ForegroundProcess): Promise<void> {
  const config = loadConfig({ env: process.env, file: options.config, require: ["redisUrl", "masterKeys"] });
  const logger = createLogger(config.logLevel, name);
  endOnUnforeseenErrors(logger);
  endWithParent();
  let reload: (() => void) | undefined;
  const stopped = stopRequested(() => {
    reload?.();
    return reload !== undefined;
  });
  const started = await stoppableStart(stopped, (signal) => start(config, logger, signal));
  // Told to stop while it waited for Redis, it has closed everything, and there is nothing to drain.
  if (started === undefined) return;
  reload = started.reload;
  started.announce();
  await stopped;
  await started.stop();
}

function endOnUnforeseenErrors(logger: Logger): void {
  const end = (error: unknown): void => {
    const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
    logger.fatal({ event: "unforeseen_error", error: name, stack }, message);
    process.exit(1);
  };
  process.on("uncaughtException", end);
  process.on("unhandledRejection", end);
}

/** Started by `yonexus up` over a channel: when that process is gone, however it went, so is this one. */
export function endWithParent(): void {
  if (process.channel !== undefined) process.on("disconnect", () => process.exit(1));
}
