import type { HandledIdStore } from "./savedState.ts";

/** How many handled messages are remembered: far more than a node can have sent without an ack. */
export const MOST_HANDLED_IDS = 10_000;

/** The ids of the messages that were handled last: in memory, and in the store for the next run. */
export class HandledIds {
  readonly #store: HandledIdStore | undefined;
  /** Oldest first. */
  readonly #ids = new Set<string>();

  constructor(store: HandledIdStore | undefined) {
    this.#store = store;
  }

  async load(): Promise<void> {
    for (const id of (await this.#store?.load()) ?? []) this.#add(id);
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  /** Resolves when the store has it. It is remembered in memory at once, also when the store fails. */
  async remember(id: string): Promise<void> {
    this.#add(id);
    await this.#store?.add(id);
  }

  #add(id: string): void {
    this.#ids.add(id);
    const [oldest] = this.#ids;
    if (this.#ids.size > MOST_HANDLED_IDS && oldest !== undefined) this.#ids.delete(oldest);
  }
}
