import type { ConnectionRole } from "@yonexus/protocol/redis";

/** A node's connections to Redis. */
export const NODE_CONNECTIONS = {
  /** Scripts and reads of the stores. */
  commands: "commands",
  /** The node's own channel. */
  subscriber: "subscriber",
  /** Adds notices. */
  producer: "producer",
} as const satisfies Readonly<Record<string, ConnectionRole>>;
