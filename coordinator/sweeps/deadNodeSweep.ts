import type { NodeStore, SessionStore } from "@yonexus/protocol/redis";
import { isRefusal } from "../redisRefusal.ts";
import type { OutageGuard } from "./outageGuard.ts";
import { TimeBudget } from "./timeBudget.ts";

export interface DeadNodeCounts {
  nodes: number;
  sessions: number;
  /** Records that could not be ended. */
  broken: number;
  /** Redis was away, so the nodes get time to come back. */
  waited: boolean;
  unfinished: boolean;
}

export interface DeadNodeSweepOptions {
  /** Sessions ended at a time. */
  readonly batch: number;
  readonly budgetMs: number;
}

/** Nodes looked at together. */
const NODES = 100;

/** Ends the sessions of nodes whose lease lapsed, then forgets the nodes. */
export class DeadNodeSweep {
  readonly #nodes: NodeStore;
  readonly #sessions: SessionStore;
  readonly #guard: OutageGuard;
  readonly #options: DeadNodeSweepOptions;

  constructor(nodes: NodeStore, sessions: SessionStore, guard: OutageGuard, options: DeadNodeSweepOptions) {
    this.#nodes = nodes;
    this.#sessions = sessions;
    this.#guard = guard;
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<DeadNodeCounts> {
    const counts: DeadNodeCounts = { nodes: 0, sessions: 0, broken: 0, waited: false, unfinished: false };
    if (await this.#guard.mustWait()) return { ...counts, waited: true };
    const budget = new TimeBudget(this.#options.budgetMs, signal);
    for (;;) {
      const dead = await this.#nodes.lapsed(NODES);
      for (const nodeId of dead) {
        if (!(await this.#clean(nodeId, counts, budget))) return { ...counts, unfinished: true };
      }
      if (dead.length < NODES) return counts;
    }
  }

  /** False when the time was up before the node was clean. */
  async #clean(nodeId: string, counts: DeadNodeCounts, budget: TimeBudget): Promise<boolean> {
    for (;;) {
      if (budget.isSpent) return false;
      // It may have come back meanwhile: then what is left is its own again.
      if (await this.#nodes.isAlive(nodeId)) return true;
      const identifiers = await this.#nodes.someSessions(nodeId, this.#options.batch);
      if (identifiers.length === 0) {
        await this.#nodes.release(nodeId);
        counts.nodes += 1;
        return true;
      }
      await Promise.all(identifiers.map(async (identifier) => this.#end(identifier, nodeId, counts)));
      await this.#nodes.forgetSessions(nodeId, identifiers);
    }
  }

  async #end(identifier: string, nodeId: string, counts: DeadNodeCounts): Promise<void> {
    try {
      if ((await this.#sessions.endOfDeadNode(identifier, nodeId)) === "ended") counts.sessions += 1;
    } catch (error) {
      // One damaged record must not keep the others of the node.
      if (!isRefusal(error)) throw error;
      counts.broken += 1;
    }
  }
}
