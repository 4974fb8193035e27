import type { Keys, NodeStore, RedisConnection, SessionStore } from "@yonexus/protocol/redis";
import { isRefusal } from "../redisRefusal.ts";

/** Tells for sessions whether the node that owns them lapsed and still waits for the dead-node sweep. */
export class OwnerNodes {
  readonly #redis: RedisConnection;
  readonly #keys: Keys;
  readonly #sessions: SessionStore;
  readonly #nodes: NodeStore;

  constructor(redis: RedisConnection, keys: Keys, sessions: SessionStore, nodes: NodeStore) {
    this.#redis = redis;
    this.#keys = keys;
    this.#sessions = sessions;
    this.#nodes = nodes;
  }

  /**
   * Those of the identifiers whose node's lease lapsed, while the dead-node sweep has the node still before it. A node
   * that was released is not one of them: no sweep will come by for what is left of its sessions.
   */
  async withLapsedNode(identifiers: readonly string[]): Promise<Set<string>> {
    const owners = await Promise.all(identifiers.map(async (identifier) => this.#ownerOf(identifier)));
    const lapsed = new Map<string, boolean>();
    const nodeIds = [...new Set(owners)].filter((nodeId) => nodeId !== undefined);
    await Promise.all(nodeIds.map(async (nodeId) => lapsed.set(nodeId, await this.#isLapsed(nodeId))));
    return new Set(
      identifiers.filter((_, index) => {
        const owner = owners[index];
        return owner !== undefined && lapsed.get(owner) === true;
      }),
    );
  }

  async #ownerOf(identifier: string): Promise<string | undefined> {
    try {
      return await this.#sessions.ownerNode(identifier);
    } catch (error) {
      // A record that cannot be read has no owner; whoever judges it says so.
      if (isRefusal(error)) return undefined;
      throw error;
    }
  }

  async #isLapsed(nodeId: string): Promise<boolean> {
    const [alive, listed] = await Promise.all([
      this.#nodes.isAlive(nodeId),
      this.#redis.zscore(this.#keys.nodes, nodeId),
    ]);
    return !alive && listed !== null;
  }
}
