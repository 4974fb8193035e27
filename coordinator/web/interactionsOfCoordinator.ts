import type { AdminServer } from "@yonexus/protocol/admin";
import type { Config } from "@yonexus/protocol/config";
import type { Logger } from "@yonexus/protocol/log";
import { InteractionStore, type Keys, type PairingStore, type RedisConnection } from "@yonexus/protocol/redis";
import { DiscordSignature } from "./discordSignature.ts";
import { DiscordInteractions, INTERACTIONS_PATH } from "./interactions.ts";

interface InteractionsNeeds {
  readonly admin: AdminServer | undefined;
  readonly redis: RedisConnection;
  readonly keys: Keys;
  readonly pairings: PairingStore;
  readonly logger: Logger;
}

/** Whether the notices of pairings have buttons: when a press of them can be told from a forgery. */
export function hasButtons({ notifier, discordPublicKey }: Config): boolean {
  return notifier === "discord" && discordPublicKey !== undefined;
}

/** Has the admin server answer what the operator presses in Discord. Nothing without the application's public key. */
export function serveInteractions(config: Config, { admin, redis, keys, pairings, logger }: InteractionsNeeds): void {
  const { discordPublicKey, adminUserId } = config;
  if (!hasButtons(config) || discordPublicKey === undefined || adminUserId === undefined) return;
  if (admin === undefined) {
    logger.warn(
      { event: "interactions_elsewhere" },
      "The notices have buttons, and this coordinator has no admin port (YONEXUS_ADMIN_PORT): only another one that has it can answer Discord.",
    );
    return;
  }
  const interactions = new DiscordInteractions({
    signature: new DiscordSignature(discordPublicKey),
    adminUserId,
    interactions: new InteractionStore(redis, keys),
    pairings,
    logger,
  });
  admin.route("POST", INTERACTIONS_PATH, (request) => interactions.answer(request));
}
