import type { LivenessIndex, NodeStore } from "@yonexus/protocol/redis";

/**
 * Keeps the cluster-wide indexes near the truth of the sessions: when a follower is due to be judged, and which sessions a
 * node holds. They may be stale, so a failure here is left to the next write and to the reconciler.
 */
export class SessionIndex {
  readonly #liveness: LivenessIndex;
  readonly #nodes: NodeStore;
  readonly #nodeId: string;
  readonly #unstableAfterMs: number;
  readonly #background: (work: Promise<unknown>) => void;

  constructor(
    liveness: LivenessIndex,
    nodes: NodeStore,
    nodeId: string,
    unstableAfterMs: number,
    background: (work: Promise<unknown>) => void,
  ) {
    this.#liveness = liveness;
    this.#nodes = nodes;
    this.#nodeId = nodeId;
    this.#unstableAfterMs = unstableAfterMs;
    this.#background = background;
  }

  /**
   * Before a claim: when Redis is lost before it answers, the claim may have been made all the same, and only a sweep can
   * find its session then. Due at once, so that an entry for nothing is soon gone.
   */
  claiming(identifier: string): void {
    this.#background(this.#liveness.postpone(identifier, 0));
    this.#background(this.#nodes.addSession(this.#nodeId, identifier));
  }

  /** @param at of the last heartbeat, Redis time (ms). */
  beaten(identifier: string, at: number): void {
    this.#background(this.#liveness.postpone(identifier, at + this.#unstableAfterMs + 1));
  }

  /** The session is held by this node. */
  asserted(identifier: string, at: number): void {
    this.beaten(identifier, at);
    this.#background(this.#nodes.addSession(this.#nodeId, identifier));
  }

  closed(identifier: string): void {
    this.#background(this.#nodes.removeSession(this.#nodeId, identifier));
  }
}
