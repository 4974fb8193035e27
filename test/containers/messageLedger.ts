/** What became of all messages of one direction. */
export interface MessageCounts {
  /** Their sender was promised that they get there. */
  readonly promised: number;
  readonly handled: number;
  /** The ids of those that were promised and never handled. */
  readonly lost: readonly string[];
  /** Handled more than once, which the protocol allows: both sides know the message by its id. */
  readonly repeated: number;
}

/** Counts the messages of one direction by their ids. */
export class MessageLedger {
  readonly #promised = new Set<string>();
  readonly #timesHandled = new Map<string, number>();

  promise(id: string): void {
    this.#promised.add(id);
  }

  handle(id: string): void {
    this.#timesHandled.set(id, (this.#timesHandled.get(id) ?? 0) + 1);
  }

  get counts(): MessageCounts {
    const times = [...this.#timesHandled.values()];
    return {
      promised: this.#promised.size,
      handled: times.length,
      lost: [...this.#promised].filter((id) => !this.#timesHandled.has(id)),
      repeated: times.filter((count) => count > 1).length,
    };
  }
}
