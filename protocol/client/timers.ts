import type { FollowerClock } from "./clock.ts";
import type { TimerName } from "./transitionTypes.ts";

/** The named timers of a follower; setting one again replaces it. */
export class Timers {
  readonly #clock: FollowerClock;
  readonly #due: (name: TimerName) => void;
  readonly #cancels = new Map<TimerName, () => void>();

  constructor(clock: FollowerClock, due: (name: TimerName) => void) {
    this.#clock = clock;
    this.#due = due;
  }

  set(name: TimerName, ms: number): void {
    this.clear(name);
    const run = () => {
      this.#cancels.delete(name);
      this.#due(name);
    };
    // While there is a socket it keeps the process alive; between two connections nothing else does.
    this.#cancels.set(name, this.#clock.after(ms, run, name === "reconnect"));
  }

  clear(name: TimerName): void {
    this.#cancels.get(name)?.();
    this.#cancels.delete(name);
  }
}
