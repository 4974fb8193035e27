/**
 * The time of Redis, as this process knows it between two answers of Redis. Followers make their proofs by what a node's
 * frames say, and Redis judges them: the clock of the node's machine may be off.
 */
export class ClusterClock {
  /** Redis time less the monotonic clock (ms); before the first answer the machine's own clock has to do. */
  #offsetMs = performance.timeOrigin;

  /** @param redisNow what Redis answered (ms). @param askedAt, answeredAt by `performance.now()`. */
  learn(redisNow: number, askedAt: number, answeredAt: number): void {
    this.#offsetMs = redisNow - (askedAt + answeredAt) / 2;
  }

  /** UTC unix seconds. */
  seconds(): number {
    return Math.floor((performance.now() + this.#offsetMs) / 1000);
  }
}
