import type { FollowerClock } from "./clock.ts";

/** How often a silent link is looked at within its timeout. The timeout is kept to this fraction. */
const LOOKS = 5;
/** After this many looks in silence the node is asked for a sign of life. */
const PROBE_AT = 2;

/**
 * Notices a link that is dead without having been closed: a cable pulled, a laptop asleep, a balancer that forgot it.
 * A node pings by itself; asking it as well makes the watch hold for a server that does not.
 *
 * It counts looks instead of comparing times, so that a busy link costs one assignment for each frame and a step of the
 * wall clock ends nothing.
 */
export class SilenceWatch {
  readonly #clock: FollowerClock;
  readonly #timeoutMs: number;
  readonly #probe: () => void;
  readonly #silent: () => void;
  #looksInSilence = 0;
  #cancel: () => void = () => undefined;

  /** @param silent called once, when nothing was heard for `timeoutMs`. */
  constructor(clock: FollowerClock, timeoutMs: number, probe: () => void, silent: () => void) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#probe = probe;
    this.#silent = silent;
  }

  start(): void {
    this.#cancel = this.#clock.after(this.#timeoutMs / LOOKS, () => this.#look(), false);
  }

  /** Something was heard. */
  heard(): void {
    this.#looksInSilence = 0;
  }

  stop(): void {
    this.#cancel();
  }

  #look(): void {
    this.#looksInSilence += 1;
    if (this.#looksInSilence < LOOKS) this.start();
    if (this.#looksInSilence === PROBE_AT) this.#probe();
    if (this.#looksInSilence === LOOKS) this.#silent();
  }
}
