import type { ConnectionRole } from "@yonexus/protocol/redis";

/** A coordinator's connections to Redis. */
export const COORDINATOR_CONNECTIONS = {
  /** Scripts and reads of the stores. */
  commands: "commands",
  /** Adds jobs and schedules. */
  producer: "producer",
  /** One a worker. BullMQ opens a second socket beside each, to wait on. */
  sweeps: "worker",
  notices: "worker",
} as const satisfies Readonly<Record<string, ConnectionRole>>;
