import { checkWriting } from "@yonexus/protocol/operator";
import { type Cluster, Keyring, type Keys, type RedisConnection, sealingKeyIds } from "@yonexus/protocol/redis";
import type { PluginConfig } from "./config.ts";
import { PluginError } from "./errors.ts";

/** @throws PluginError `REFUSED` with the mend while Redis takes no writes. */
export async function requireWriting(redis: RedisConnection, keys: Keys): Promise<void> {
  const finding = await checkWriting(redis, keys);
  if (finding.status !== "ok") throw new PluginError("REFUSED", `${finding.found}. ${finding.mend ?? ""}`.trim());
}

/** A key that no node has means another deployment's Redis, or another's key: neither would end well. */
export async function requireSameMasterKey({ redis, keys }: Cluster, { shared }: PluginConfig): Promise<void> {
  if (shared.masterKeys.length === 0) return;
  const own = new Keyring(shared.masterKeys).keyIds;
  for (const { kind, nodeId, keyIds } of await sealingKeyIds(redis, keys)) {
    if (keyIds.length === 0 || keyIds.some((id) => own.includes(id))) continue;
    throw new PluginError(
      "REFUSED",
      `The ${kind} ${nodeId} under the prefix "${keys.prefix}" has another master key (${keyIds.join(", ")}) than this plugin (${own.join(", ")}): set masterKey to the cluster's, or redisUrl and keyPrefix to the right cluster.`,
    );
  }
}
