import { setTimeout as pause } from "node:timers/promises";
import { openCluster } from "@yonexus/protocol/redis";
import { serveCommands } from "../bench/childProcess.ts";
import type { ClusterPlace } from "./clusterPlace.ts";
import { Journal } from "./journal.ts";
import { WORK_RULE } from "./rules.ts";

export type HandlerLine = {
  readonly kind: "began" | "ended";
  readonly at: number;
  readonly follower: string;
  readonly n: number;
  readonly entry: string;
  readonly worker: string;
};

export interface Handler extends ClusterPlace {
  readonly journal: string;
  /** Of this process among all of the run. */
  readonly worker: string;
  readonly leaseMs: number;
  /** How long each message takes. */
  readonly workMs: number;
}

/** One replica of the handlers of a rule. */
const commands = {
  async handle({ journal: path, worker, leaseMs, workMs, ...place }: Handler): Promise<void> {
    const journal = new Journal<HandlerLine>(path);
    const cluster = await openCluster(place);
    await cluster.registerRule(
      WORK_RULE,
      async ({ id, identifier, content }) => {
        const run = { follower: identifier, n: Number(content), entry: id, worker };
        journal.write({ kind: "began", at: Date.now(), ...run });
        if (workMs > 0) await pause(workMs);
        journal.write({ kind: "ended", at: Date.now(), ...run });
      },
      { group: "workers", leaseMs },
    );
  },
};
export type HandlerCommands = typeof commands;

serveCommands(commands);
