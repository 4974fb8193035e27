import type { Cluster } from "@yonexus/protocol/redis";
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

/** What the work answers, or, when it does not within the time (ms), what `late` answers or throws. */
export async function answerWithin<T>(timeoutMs: number, work: Promise<T>, late: () => T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<"over">((resolve) => {
    timer = setTimeout(() => resolve("over"), timeoutMs);
  });
  try {
    const first = await Promise.race([work.then((answer) => ({ answer })), over]);
    return first === "over" ? late() : first.answer;
  } finally {
    clearTimeout(timer);
  }
}
