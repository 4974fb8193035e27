import type { Connection } from "./session/connection.ts";

/** An interval is worked off in so many slices, so that thousands of pings do not leave in one burst. */
const SLICES = 20;

/** Pings every connection once an interval, and cuts off the peers that did not answer the last ping. */
export class KeepAlive {
  readonly #connections: () => Iterable<Connection>;
  readonly #timer: NodeJS.Timeout;
  #round: Connection[] = [];
  #slice = 0;

  constructor(connections: () => Iterable<Connection>, intervalMs: number) {
    this.#connections = connections;
    this.#timer = setInterval(() => this.#next(), Math.max(1, intervalMs / SLICES));
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #next(): void {
    if (this.#slice === 0) this.#round = [...this.#connections()];
    const size = Math.ceil(this.#round.length / SLICES);
    for (const connection of this.#round.slice(this.#slice * size, (this.#slice + 1) * size)) connection.checkAlive();
    this.#slice = (this.#slice + 1) % SLICES;
  }
}
