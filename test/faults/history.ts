/** What all processes of one run wrote down, put together. Instants are unix ms of this machine's one clock. */

/** The messages of one follower in one direction are numbered by who sends them, from 0. */
export interface SentMessage {
  readonly follower: string;
  readonly n: number;
  readonly messageId: string;
  /** How often it was sent with the same id. */
  readonly attempts: number;
  readonly firstSentAt: number;
  /** Where the sender was promised that it lasts, or that it was handled. */
  readonly promisedAt?: number;
}

/** A handler was given a message. Those of one follower are in the order in which they began. */
export interface Handling {
  readonly follower: string;
  readonly n: number;
  /** What the store calls the message: the same however often it is delivered. */
  readonly entry: string;
  /** The process: a new one after each start. */
  readonly worker: string;
  readonly beganAt: number;
  /** Missing when the process did not live to the end of it. */
  readonly endedAt?: number;
}

/** A session as Redis has it, seen when it was polled. `claimedAt` is Redis time (ms). */
export interface Ownership {
  readonly follower: string;
  readonly epoch: number;
  readonly nodeId: string;
  readonly claimedAt: number;
}

/** A queued message that was settled for a session: by which node, and when (Redis time, ms). */
export interface Settled {
  readonly follower: string;
  readonly messageId: string;
  readonly nodeId: string;
  readonly settledAt: number;
}

/** One direction of a run. */
export interface Traffic {
  readonly sent: readonly SentMessage[];
  readonly handlings: readonly Handling[];
  /**
   * What may be given to a handler again without having been handled twice. `entry`: the same entry, since a handler is run again when
   * its process or Redis failed before the ack. `interrupted`: only what a process was at when it ended.
   */
  readonly repeats: "entry" | "interrupted";
}

export interface History {
  readonly outbound: Traffic;
  readonly inbound: Traffic;
  readonly ownerships: readonly Ownership[];
  readonly settled: readonly Settled[];
  /** Followers without a session when everything had been well again for long enough. */
  readonly absent: readonly string[];
}
