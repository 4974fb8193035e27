import type { FollowerStatus } from "@yonexus/protocol/wire";

/** What the census counts of one follower. */
export interface CountedFollower {
  readonly identifier: string;
  readonly status: FollowerStatus;
  readonly allowed: boolean;
  readonly paired: boolean;
  /** Messages in its queue. */
  readonly waiting: number;
  readonly deadLetters: number;
}

/** Sums over the followers that were counted. */
export interface CensusCounts {
  readonly online: number;
  readonly unstable: number;
  readonly offline: number;
  readonly notAllowed: number;
  readonly paired: number;
  /** Followers with messages in their queues, and how many those are. */
  readonly withQueue: number;
  readonly waiting: number;
  readonly deadLetters: number;
  readonly counted: number;
}

type Counts = { -readonly [K in keyof CensusCounts]: number };

const NOTHING: Counts = {
  online: 0,
  unstable: 0,
  offline: 0,
  notAllowed: 0,
  paired: 0,
  withQueue: 0,
  waiting: 0,
  deadLetters: 0,
  counted: 0,
};

/**
 * Counts followers without ever reading all of them at once: a page at a time, in lexical order, lap after lap. Between two laps
 * changes of status keep the counts true; what slips through is mended by the next lap. It remembers sums, and no follower.
 */
export class StatusCensus {
  #lap: Counts = { ...NOTHING };
  #whole: Counts | undefined;
  #cursor: string | undefined;

  /** After which identifier the next page begins; undefined at the start of a lap. */
  get cursor(): string | undefined {
    return this.#cursor;
  }

  /** Whether all followers were counted once. */
  get isComplete(): boolean {
    return this.#whole !== undefined;
  }

  /** Of all followers, or of those that were counted so far. */
  get counts(): CensusCounts {
    return this.#whole ?? this.#lap;
  }

  /** @param until the last identifier that the page looked at, whoever stands behind it; undefined at the end of the followers. */
  addPage(page: readonly CountedFollower[], until: string | undefined): void {
    for (const { status, allowed, paired, waiting, deadLetters } of page) {
      this.#lap[status] += 1;
      this.#lap.counted += 1;
      this.#lap.waiting += waiting;
      this.#lap.deadLetters += deadLetters;
      if (!allowed) this.#lap.notAllowed += 1;
      if (paired) this.#lap.paired += 1;
      if (waiting > 0) this.#lap.withQueue += 1;
    }
    this.#cursor = until;
    if (until !== undefined) return;
    this.#whole = this.#lap;
    this.#lap = { ...NOTHING };
  }

  /** A follower's status changed: whoever was counted before is counted anew. */
  change(identifier: string, previous: FollowerStatus, status: FollowerStatus): void {
    if (this.#whole !== undefined) move(this.#whole, previous, status);
    // Bytes and UTF-16 units have one order here: identifiers are ASCII.
    if (this.#cursor !== undefined && identifier <= this.#cursor) move(this.#lap, previous, status);
  }
}

function move(counts: Counts, previous: FollowerStatus, status: FollowerStatus): void {
  // One that came while its page was read may have been counted as what it is now.
  if (counts[previous] === 0) return;
  counts[previous] -= 1;
  counts[status] += 1;
}
