/** What may wait in the queue of one follower. Every sender gives its own; the configuration sees to it that they agree. */
export interface QueueLimits {
  readonly maxMessages: number;
  readonly maxBytes: number;
}

/** Where nothing is configured. */
export const QUEUE_LIMITS: QueueLimits = { maxMessages: 1_000, maxBytes: 1_048_576 };

/** How long a message waits for its follower where nobody says otherwise (ms). */
export const QUEUE_TTL_MS = 86_400_000;

/** What stays of a follower's messages when they are over. */
export interface QueueRetention {
  /** How long the record of a message is kept after its end (ms). */
  readonly settledMs: number;
  /** Records kept of messages that ended; there may be a tenth more before the oldest of them go together. */
  readonly settledMessages: number;
  readonly deadLetters: number;
  /** Ranges of dropped messages that the follower was not told of; over it the two oldest become one. */
  readonly gaps: number;
}

/** These are no settings: senders, nodes and coordinators must agree. */
export const QUEUE_RETENTION: QueueRetention = {
  settledMs: 86_400_000,
  settledMessages: 1_000,
  deadLetters: 100,
  gaps: 1_000,
};
