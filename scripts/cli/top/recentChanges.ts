/** Whose status changed, and when (Redis time, ms). */
export interface RecentChange {
  readonly identifier: string;
  readonly at: number;
}

const KEPT = 200;

/** The followers whose status changed last: a bounded number of them. */
export class RecentChanges {
  readonly #kept: number;
  readonly #changes = new Map<string, number>();

  constructor(kept = KEPT) {
    this.#kept = kept;
  }

  note(identifier: string, at: number): void {
    if (at <= (this.#changes.get(identifier) ?? 0)) return;
    this.#changes.set(identifier, at);
    // Seldom, so that each change costs little.
    if (this.#changes.size < 2 * this.#kept) return;
    const newest = this.list();
    this.#changes.clear();
    for (const change of newest) this.#changes.set(change.identifier, change.at);
  }

  /** The newest first. */
  list(): RecentChange[] {
    return Array.from(this.#changes, ([identifier, at]) => ({ identifier, at }))
      .sort((one, other) => other.at - one.at || (one.identifier < other.identifier ? -1 : 1))
      .slice(0, this.#kept);
  }
}
