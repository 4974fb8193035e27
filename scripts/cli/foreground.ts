import { type LoadedConfig, loadConfig } from "@yonexus/protocol/config";
import { createLogger, type Logger } from "@yonexus/protocol/log";
import type { Command } from "commander";
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
  readonly start: (config: ProcessConfig, logger: Logger) => Promise<Started>;
}

interface Started {
  /** Resolves when the process may end. */
  readonly stop: () => Promise<void>;
  /** Tells that it is ready. */
  readonly announce: () => void;
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
  const stopped = stopRequested();
  const starting = start(config, logger);
  // Told to stop while it waits for Redis, there is nothing to drain.
  const started = await Promise.race([starting, stopped]);
  if (started === undefined) return;
  started.announce();
  await stopped;
  await started.stop();
}

function endOnUnforeseenErrors(logger: Logger): void {
  const end = (error: unknown): void => {
    const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
    logger.fatal({ error: name, stack }, message);
    process.exit(1);
  };
  process.on("uncaughtException", end);
  process.on("unhandledRejection", end);
}

/** Started by `yonexus up` over a channel: when that process is gone, however it went, so is this one. */
export function endWithParent(): void {
  if (process.channel !== undefined) process.on("disconnect", () => process.exit(1));
}
