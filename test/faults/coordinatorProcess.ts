import { startCoordinator } from "@yonexus/coordinator";
import { loadConfig } from "@yonexus/protocol/config";
import { createLogger } from "@yonexus/protocol/log";
import { serveCommands } from "../bench/childProcess.ts";

/** A real coordinator in a process of its own, configured by its environment as any other. */
const commands = {
  async start(): Promise<void> {
    const config = loadConfig({ env: process.env, require: ["redisUrl", "masterKeys"] });
    const logger = createLogger(config.logLevel, "coordinator");
    await startCoordinator(config, { logger, terminal: process.stderr, json: true });
  },
};
export type CoordinatorCommands = typeof commands;

serveCommands(commands);
