/** The time of a follower. Tests put a clock here that they move by hand. */
export interface FollowerClock {
  /** Unix milliseconds. */
  now(): number;
  /**
   * Calls back once after `ms`. Returns what cancels it.
   *
   * @param keepAlive whether the wait alone keeps the process running.
   */
  after(ms: number, callback: () => void, keepAlive: boolean): () => void;
}

export const systemClock: FollowerClock = Object.freeze({
  now: () => Date.now(),
  after(ms: number, callback: () => void, keepAlive: boolean) {
    const timer = setTimeout(callback, ms);
    if (!keepAlive) timer.unref();
    return () => clearTimeout(timer);
  },
});
