import type { Cluster } from "@yonexus/protocol/redis";

/** An agent waits for Redis no longer than this (ms): with what follows, a call that cannot reach it answers within 3 s. */
export const REACH_TIMEOUT_MS = 2_500;

/** The cluster, for a tool. @throws PluginError `NOT_CONNECTED` when Redis does not answer in time, with why. */
export type Reach = (timeoutMs: number) => Promise<Cluster>;
