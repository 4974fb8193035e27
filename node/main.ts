import type { Config } from "@yonexus/protocol/config";
import type { Logger } from "@yonexus/protocol/log";
import { composeNode, type RunningNode } from "./compose.ts";

export type { RunningNode };

/**
 * Starts a node: a stateless WebSocket front of the cluster. Resolves when it is ready.
 * @throws TypeError without `redisUrl` or `masterKeys`; SchemaMismatchError; the listener's error when the port is taken.
 */
export async function startNode(config: Config, options: { logger: Logger }): Promise<RunningNode> {
  const { redisUrl, masterKeys } = config;
  if (redisUrl === undefined || masterKeys.length === 0) {
    throw new TypeError("A node needs REDIS_URL and YONEXUS_MASTER_KEY.");
  }
  return composeNode({ ...config, redisUrl, masterKeys }, options.logger);
}
