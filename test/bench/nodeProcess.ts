import { startNode } from "@yonexus/node";
import { loadConfig } from "@yonexus/protocol/config";
import { createLogger } from "@yonexus/protocol/log";
import { serveCommands } from "./childProcess.ts";

/** A real node, in a process of its own, configured by its environment as any other. */
const commands = {
  async start(): Promise<{ nodeId: string; url: string }> {
    const config = loadConfig({ env: process.env, require: ["redisUrl", "masterKeys"] });
    const { nodeId, url } = await startNode(config, { logger: createLogger(config.logLevel, "node") });
    return { nodeId, url };
  },
  /** Frees what can be freed, and gives it back. Needs --expose-gc. */
  collectGarbage(): void {
    globalThis.gc?.({ type: "major", execution: "sync", flavor: "last-resort" });
  },
};
export type NodeCommands = typeof commands;

serveCommands(commands);
