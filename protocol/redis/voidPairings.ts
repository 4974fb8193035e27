import type { RedisConnection } from "./connection.ts";
import type { Keys } from "./keys.ts";
import { runScript } from "./scripts.ts";

/**
 * Ends the pairings that an operator's decision made void, so that who waits for them is told. They count no longer
 * already: stopped here, a code of theirs is refused all the same.
 */
export async function endVoidPairings(redis: RedisConnection, keys: Keys, identifier: string): Promise<void> {
  const own = keys.follower(identifier);
  for (const member of await redis.zrange(own.pairings, "0", "-1")) {
    const [fingerprint = ""] = member.split(" ");
    const record = keys.pairing(identifier, fingerprint);
    const pairingId = await redis.hget(record, "pairingId");
    if (pairingId === null) continue;
    const reply = await runScript(
      redis,
      "resolveNotice",
      [own.trust, record, own.pairings, own.notices, own.audit],
      [pairingId, "void", fingerprint, keys.nodeChannelPrefix, ""],
    );
    if (reply.outcome("void", "resolved", "gone") === "void") {
      await redis.zrem(keys.pendingPairings, `${identifier} ${fingerprint}`);
    }
  }
}
