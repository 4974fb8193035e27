import { type Keyring, type Keys, type RedisConnection, SealedSecrets, sealingKeyIds } from "@yonexus/protocol/redis";
import { rotationObstacle } from "./rotationOrder.ts";

/** Followers that are read and sealed anew together. */
const BATCH = 200;
/** Followers whose secret could not be opened, by name; the others are counted. */
const MAX_NAMED = 20;

export interface RotationProgress {
  readonly looked: number;
  readonly total: number;
  /** Secrets that were sealed anew. */
  readonly resealed: number;
}

export interface Rotation extends RotationProgress {
  readonly keyId: string;
  /** Whether all followers were looked at. */
  readonly finished: boolean;
  /** Followers that were paired or cleared again and again meanwhile; who did that sealed them. */
  readonly changed: number;
  /** Followers whose secret cannot be opened: how many, and some of them. */
  readonly unreadable: number;
  readonly unreadableSome: readonly { readonly identifier: string; readonly keyId: string; readonly why: string }[];
  /** Why it ended before all were looked at, when a process came up that is in the way. */
  readonly obstacle?: string;
}

export interface RotationOptions {
  readonly stopped: () => boolean;
  readonly progress: (progress: RotationProgress) => void;
}

/**
 * Seals every secret with the first key of the keyring, in batches, beside running nodes. What is sealed with it already is left
 * alone, so it goes on where an earlier run ended. Before each batch it asks whether each live process seals with that key.
 */
export async function rotateKeys(
  redis: RedisConnection,
  keys: Keys,
  keyring: Keyring,
  { stopped, progress }: RotationOptions,
): Promise<Rotation> {
  const secrets = new SealedSecrets(redis, keys);
  const [keyId = ""] = keyring.keyIds;
  const total = await secrets.followerCount();
  let [looked, resealed, changed, unreadable] = [0, 0, 0, 0];
  const unreadableSome: Rotation["unreadableSome"][number][] = [];
  const state = () => ({ ...{ keyId, looked, total, resealed, changed, unreadable, unreadableSome } });
  for await (const page of secrets.pages(BATCH)) {
    const obstacle = rotationObstacle(await sealingKeyIds(redis, keys), keyId);
    if (obstacle !== undefined) return { ...state(), finished: false, obstacle };
    if (stopped()) return { ...state(), finished: false };
    const results = await Promise.all(page.map((trust) => secrets.reseal(trust, keyring)));
    for (const [index, result] of results.entries()) {
      looked += 1;
      resealed += result.count;
      if (result.outcome === "changed") changed += 1;
      if (result.unreadable === undefined) continue;
      unreadable += 1;
      const identifier = page[index]?.identifier ?? "";
      if (unreadableSome.length < MAX_NAMED) unreadableSome.push({ identifier, ...result.unreadable });
    }
    progress({ looked, total, resealed });
  }
  return { ...state(), finished: true };
}
