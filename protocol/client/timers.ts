import type { FollowerClock } from "./clock.ts";

/** Timers by name; setting one again replaces it. */
export class Timers<Name extends string> {
  readonly #clock: FollowerClock;
  readonly #due: (name: Name) => void;
  readonly #keepsAlive: (name: Name) => boolean;
  readonly #cancels = new Map<Name, () => void>();

  /** @param keepsAlive whether the wait of that name alone keeps the process running. */
  constructor(clock: FollowerClock, due: (name: Name) => void, keepsAlive: (name: Name) => boolean) {
    this.#clock = clock;
    this.#due = due;
    this.#keepsAlive = keepsAlive;
  }

  set(name: Name, ms: number): void {
    this.clear(name);
    const run = () => {
      this.#cancels.delete(name);
      this.#due(name);
    };
    this.#cancels.set(name, this.#clock.after(ms, run, this.#keepsAlive(name)));
  }

  clear(name: Name): void {
    this.#cancels.get(name)?.();
    this.#cancels.delete(name);
  }

  clearAll(matches: (name: Name) => boolean): void {
    for (const name of [...this.#cancels.keys()].filter(matches)) this.clear(name);
  }
}
