import type { Config } from "@yonexus/protocol/config";
import type { Logger } from "@yonexus/protocol/log";
import { composeNode, type RunningNode } from "./compose.ts";

export type { RunningNode };

export interface NodeOptions {
  readonly logger: Logger;
  /** Aborted before the node is ready, it closes everything and the start rejects with the signal's reason. Of no effect after that. */
  readonly signal?: AbortSignal;
}

/**
 * Starts a node: a stateless WebSocket front of the cluster. Resolves when it is ready; waits for Redis as long as it takes, or
 * until the signal is aborted. What was opened is closed again when it throws.
 * @throws TypeError without `redisUrl` or `masterKeys`; SchemaMismatchError; the listener's error when the port is taken; AdminListenError;
 *   CertificateError when a certificate cannot be used; RedisUrlError; the signal's reason.
 */
export async function startNode(config: Config, options: NodeOptions): Promise<RunningNode> {
  const { redisUrl, masterKeys } = config;
  if (redisUrl === undefined || masterKeys.length === 0) {
    throw new TypeError("A node needs REDIS_URL and YONEXUS_MASTER_KEY.");
  }
  return composeNode({ ...config, redisUrl, masterKeys }, options);
}
