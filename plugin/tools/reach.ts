import type { Cluster } from "@yonexus/protocol/redis";
import { answerWithin } from "../core/answerWithin.ts";
import { PluginError } from "../core/errors.ts";

/** An agent waits for Redis no longer than this (ms). */
export const REACH_TIMEOUT_MS = 2_500;
/** A tool answers within this, even when Redis falls silent in the middle (ms). */
export const ANSWER_TIMEOUT_MS = 2_900;

/** The cluster, for a tool. @throws PluginError `NOT_CONNECTED` when Redis does not answer in time, with why. */
export type Reach = (timeoutMs: number) => Promise<Cluster>;

/** Reads something from the cluster for a tool. @throws PluginError `NOT_CONNECTED` within 3 s when Redis does not answer. */
export async function readFrom<T>(reach: Reach, read: (cluster: Cluster) => Promise<T>): Promise<T> {
  return answerWithin(ANSWER_TIMEOUT_MS, reach(REACH_TIMEOUT_MS).then(read), () => {
    throw new PluginError("NOT_CONNECTED", "Redis has stopped answering: nothing is known now. Tell the operator.");
  });
}
