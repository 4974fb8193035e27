import { defineMessage } from "./definition.ts";
import { exactly, Identifier } from "./fields.ts";

/** Follower → node, about every 5 minutes. */
export const Heartbeat = defineMessage("heartbeat", { identifier: Identifier, status: exactly("alive") });
