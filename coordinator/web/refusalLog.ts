import type { Logger } from "@yonexus/protocol/log";

/** Of one reason so much time passes between two lines (ms). */
const EVERY_MS = 60_000;

/** Tells of requests that were refused, however many strangers send: of each reason a line a minute, with how many there were. */
export class RefusalLog<Reason extends string> {
  readonly #logger: Logger;
  readonly #event: string;
  readonly #texts: Readonly<Record<Reason, string>>;
  readonly #now: () => number;
  readonly #seen = new Map<Reason, { toldAt: number; untold: number }>();

  /** @param event the name of the log's entries. @param now of a steady clock (ms). */
  constructor(
    logger: Logger,
    event: string,
    texts: Readonly<Record<Reason, string>>,
    now: () => number = () => performance.now(),
  ) {
    this.#logger = logger;
    this.#event = event;
    this.#texts = texts;
    this.#now = now;
  }

  note(reason: Reason, fields: Readonly<Record<string, unknown>>): void {
    const seen = this.#seen.get(reason) ?? { toldAt: Number.NEGATIVE_INFINITY, untold: 0 };
    this.#seen.set(reason, seen);
    const now = this.#now();
    if (now - seen.toldAt < EVERY_MS) {
      seen.untold += 1;
      return;
    }
    this.#logger.warn({ event: this.#event, reason, ...fields, untold: seen.untold }, this.#texts[reason]);
    seen.toldAt = now;
    seen.untold = 0;
  }
}
