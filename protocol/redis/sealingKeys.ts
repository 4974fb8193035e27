import { redisNow } from "./clock.ts";
import type { RedisConnection } from "./connection.ts";
import type { Keys } from "./keys.ts";
import { NodeStore } from "./nodeStore.ts";

/** With which master keys a process that lives seals and opens secrets. */
export interface SealingKeys {
  readonly kind: "node" | "coordinator";
  /** The id of the node, or of the coordinator. */
  readonly nodeId: string;
  /** Its `Keyring.keyIds`, the current one first. Empty when they are unknown: a process of before they were told. */
  readonly keyIds: readonly string[];
}

/**
 * The master keys of each live node and coordinator, by their public ids. A process whose `Keyring.keyIds` have none in common
 * with those of another can open no secret of it: one of them has the YONEXUS_MASTER_KEY of another deployment.
 */
export async function sealingKeyIds(redis: RedisConnection, keys: Keys): Promise<SealingKeys[]> {
  const [nodes, coordinatorIds] = await Promise.all([
    new NodeStore(redis, keys).list(),
    redisNow(redis).then((now) => redis.zrange(keys.coordinators, `(${now}`, "+inf", "BYSCORE")),
  ]);
  const told = await Promise.all(coordinatorIds.map((id) => redis.get(keys.coordinatorKeyIds(id))));
  return [
    ...nodes.map(({ nodeId, keyIds = [] }) => ({ kind: "node" as const, nodeId, keyIds })),
    ...coordinatorIds.map((nodeId, index) => ({
      kind: "coordinator" as const,
      nodeId,
      keyIds: told[index]?.split(",") ?? [],
    })),
  ];
}
