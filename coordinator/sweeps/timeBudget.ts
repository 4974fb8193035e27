/** What one sweep may take before it leaves the rest to the next: a long gap must not keep the other sweeps waiting. */
export class TimeBudget {
  readonly #endsAt: number;
  readonly #signal: AbortSignal;

  constructor(budgetMs: number, signal: AbortSignal) {
    this.#endsAt = performance.now() + budgetMs;
    this.#signal = signal;
  }

  get isSpent(): boolean {
    return this.#signal.aborted || performance.now() >= this.#endsAt;
  }
}
