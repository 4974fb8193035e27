import { type Config, readRedisTls } from "@yonexus/protocol/config";
import {
  Keyring,
  Keys,
  openRedis,
  type RedisConnection,
  SealedSecrets,
  sealingKeyOf,
  unlessAborted,
  whenReady,
} from "@yonexus/protocol/redis";
import { PluginError } from "../core/errors.ts";
import { settingName } from "../core/nextSteps.ts";

/** Followers are looked at until so many of them are paired, and no more than so many pages. */
const ENOUGH_PAIRED = 20;
const PAGE = 200;
const MAX_PAGES = 10;

/**
 * Looks whether the secrets of followers in Redis were sealed with a master key that is here. With another key nothing would be
 * said, and every follower would be turned away as a forgery. A few that a dropped key sealed are no reason: a change of the key
 * may have left them.
 * @param place where the master key comes from, for people
 * @throws PluginError `REFUSED` when all that were looked at were sealed with others; the signal's reason.
 */
export async function requireKnownKey(
  config: Config & { readonly redisUrl: string },
  place: string,
  mend: string,
  signal: AbortSignal,
): Promise<void> {
  const own = new Keyring(config.masterKeys).keyIds;
  const redis = openRedis(config.redisUrl, "commands", { tls: readRedisTls(config, settingName) });
  // The plugin's own connections tell how Redis is.
  redis.on("error", () => {});
  try {
    await unlessAborted(signal, whenReady(redis));
    const sealers = await unlessAborted(signal, sealersIn(redis, new Keys(config.keyPrefix)));
    if (sealers.size === 0 || own.some((id) => sealers.has(id))) return;
    const [other] = sealers;
    throw new PluginError(
      "REFUSED",
      `${place} is not the master key that the secrets of the followers were sealed with (its id is ${own[0]}, theirs ${other}): ${mend}.`,
    );
  } finally {
    redis.disconnect();
  }
}

async function sealersIn(redis: RedisConnection, keys: Keys): Promise<ReadonlySet<string>> {
  const sealers = new Set<string>();
  let paired = 0;
  let pages = 0;
  for await (const page of new SealedSecrets(redis, keys).pages(PAGE)) {
    for (const { sealedSecret } of page) {
      if (sealedSecret === undefined) continue;
      sealers.add(sealingKeyOf(sealedSecret));
      paired += 1;
    }
    pages += 1;
    if (paired >= ENOUGH_PAIRED || pages >= MAX_PAGES) break;
  }
  return sealers;
}
