import { type Cluster, openCluster } from "@yonexus/protocol/redis";
import { serveCommands } from "../bench/childProcess.ts";
import type { ClusterPlace } from "./clusterPlace.ts";
import { type Answer, type LoadOptions, NumberedLoad } from "./numberedLoad.ts";
import { LOAD_RULE } from "./rules.ts";

/** A program that sends to followers, as one of the operator's own would. */
export interface SendingLoad extends LoadOptions {
  readonly journal: string;
  readonly delivery: "queued" | "live";
  /** Of each message's content, besides its number. */
  readonly paddingBytes: number;
}

const ANSWER_TIMEOUT_MS = 3_000;

let cluster: Cluster | undefined;
let load: NumberedLoad | undefined;

const commands = {
  async open({ redisUrl, keyPrefix }: ClusterPlace): Promise<void> {
    cluster = await openCluster({ redisUrl, keyPrefix });
  },

  send({ journal, delivery, paddingBytes, ...options }: SendingLoad): void {
    const padding = "x".repeat(paddingBytes);
    load = new NumberedLoad(journal, options, async ({ follower, n, messageId }): Promise<Answer> => {
      if (cluster === undefined) throw new Error("Open first.");
      const text = `${LOAD_RULE}::${follower}::${n}::${padding}`;
      if (delivery === "live") {
        const timeoutMs = ANSWER_TIMEOUT_MS;
        const live = await cluster
          .sendMessageToClient(follower, text, { delivery, messageId, timeoutMs })
          .catch(() => ({ result: "timeout" }));
        return { answer: live.result, final: true };
      }
      const waiting = { delivery, messageId, waitFor: "acked", timeoutMs: ANSWER_TIMEOUT_MS } as const;
      const sent = await cluster.sendMessageToClient(follower, text, waiting);
      return {
        answer: `${sent.result} ${sent.reached}`,
        final: sent.result === "delivered" && sent.reached === "acked",
      };
    });
  },

  /** Answers how many messages have no final answer. */
  async finish({ timeoutMs }: { timeoutMs: number }): Promise<number> {
    return (await load?.finish(timeoutMs)) ?? 0;
  },
};
export type SenderCommands = typeof commands;

serveCommands(commands);
