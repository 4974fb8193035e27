import type { StatusChange } from "@yonexus/protocol/redis";
import type { FeedEvent } from "./liveMessages.ts";

/** The last changes of followers' statuses. Whoever reads remembers its place; who is too slow misses the oldest. */
export class Feed {
  readonly #limit: number;
  readonly #events: FeedEvent[] = [];
  #seq = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** How many there were in all: the place after the last one. */
  get place(): number {
    return this.#seq;
  }

  add({ identifier, status, previous, reason, at }: StatusChange): void {
    this.#seq += 1;
    this.#events.push({ seq: this.#seq, identifier, status, previous, reason, at });
    if (this.#events.length > this.#limit) this.#events.shift();
  }

  /** What came after a place, `most` of it at most: the newest. */
  after(place: number, most: number): { readonly events: readonly FeedEvent[]; readonly missed: number } {
    const count = Math.min(this.#seq - place, most, this.#events.length);
    return { events: count === 0 ? [] : this.#events.slice(-count), missed: this.#seq - place - count };
  }
}
