import type { NodeWork } from "@yonexus/protocol/redis";

/** What a node did since it started, in a few sums that its lease can carry: rates come of the differences. */
export class NodeWorkSums {
  #received = 0;
  #sent = 0;
  #acks = 0;
  #ackMs = 0;
  #routeMs = 0;

  /** A follower's message was stored for its handlers. */
  received(): void {
    this.#received += 1;
  }

  /** A follower's socket took a message, or the follower acked it. */
  sent(): void {
    this.#sent += 1;
  }

  /** @param ms from the socket on until the follower's ack. */
  acked(ms: number): void {
    this.#acks += 1;
    this.#ackMs += Math.max(0, ms);
  }

  /** @param ms from a publish to the node's channel until the node read it. */
  routed(ms: number): void {
    this.#routeMs = ms;
  }

  get sums(): NodeWork {
    return {
      ...{ received: this.#received, sent: this.#sent, acks: this.#acks },
      ...{ ackMs: Math.round(this.#ackMs), routeMs: Math.round(this.#routeMs * 100) / 100 },
    };
  }
}
