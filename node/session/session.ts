import type { QueueState } from "@yonexus/protocol/redis";
import type { QueuedMessage } from "./deliveryWindow.ts";
import { QueueDelivery, type QueueLink, type QueueServices } from "./queueDelivery.ts";

/** What makes a session. Instants of Redis in ms. */
export interface SessionFacts {
  readonly identifier: string;
  readonly epoch: number;
  readonly trustVersion: string;
  readonly authenticatedAt: number;
  /** Whether messages are acknowledged, both ways. */
  readonly acks: boolean;
}

/** An authenticated session as its node knows it, and the delivery of its follower's queue while there is something in it. */
export class Session implements SessionFacts {
  readonly identifier: string;
  readonly epoch: number;
  readonly trustVersion: string;
  readonly authenticatedAt: number;
  readonly acks: boolean;
  /** When the last heartbeat came, by this process' steady clock: what Redis misses while it is away is told to it afterwards. */
  #heardAt = performance.now();
  readonly #link: QueueLink;
  readonly #services: QueueServices;
  #queue: QueueDelivery | undefined;
  /** The last one of the queue that needs nothing more, while there is no delivery. */
  #queueSettledTo = 0;
  #phase: "open" | "leaving" | "ended" = "open";

  constructor(facts: SessionFacts, link: QueueLink, services: QueueServices) {
    this.identifier = facts.identifier;
    this.epoch = facts.epoch;
    this.trustVersion = facts.trustVersion;
    this.authenticatedAt = facts.authenticatedAt;
    this.acks = facts.acks;
    this.#link = link;
    this.#services = services;
  }

  get heardAt(): number {
    return this.#heardAt;
  }

  noteHeartbeat(): void {
    this.#heardAt = performance.now();
  }

  /** What Redis says of the queue: when the session begins, and whenever it is asserted. */
  resumeQueue(queue: QueueState): void {
    if (this.#queue !== undefined) this.#queue.resume(queue);
    else if (queue.waiting > 0 || queue.gaps > 0) this.#openQueue(queue);
    else this.#queueSettledTo = queue.lastSeq;
  }

  /** A message was queued. */
  queued(message: QueuedMessage): void {
    this.#openQueue()?.queued(message);
  }

  /** Something was queued, or dropped from the queue. */
  queueChanged(): void {
    this.#openQueue()?.fallBehind();
  }

  /** The follower answered a queued message. @param rejection why it never can handle it. */
  answered(messageId: string, rejection: string | undefined, requestId: string | undefined): void {
    this.#openQueue()?.answered(messageId, rejection, requestId);
  }

  /** It is sent nothing more of its queue; what it answers still counts. */
  leave(): void {
    if (this.#phase === "open") this.#phase = "leaving";
    this.#queue?.leave();
  }

  end(): void {
    this.#phase = "ended";
    this.#queue?.stop();
  }

  /** What an idle session does not need, it does not keep. */
  letGo(): void {
    const idleAt = this.#queue?.idleAt;
    if (idleAt === undefined) return;
    this.#queue = undefined;
    this.#queueSettledTo = idleAt;
  }

  #openQueue(queue?: QueueState): QueueDelivery | undefined {
    if (this.#phase === "ended") return undefined;
    if (this.#queue === undefined) {
      const nothing = { lastSeq: this.#queueSettledTo, waiting: 0, gaps: 0 };
      this.#queue = new QueueDelivery(this, queue ?? nothing, this.#link, this.#services);
      if (this.#phase === "leaving") this.#queue.leave();
    }
    return this.#queue;
  }
}
