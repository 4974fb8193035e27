import type { LaneItem } from "./laneQueue.ts";

/** How many acked messages are remembered. */
const REMEMBERED = 1_024;

/**
 * The messages that a replica handled: those whose ack is not sent, under way, or answered. The last of these are remembered, so
 * that one that comes again, because Redis lost the ack, is not handled again. Pure.
 */
export class HandledMessages {
  readonly #unsent = new Map<string, LaneItem>();
  readonly #sent = new Set<string>();
  readonly #acked = new Set<string>();

  /** Whether the message was handled here, as far as is remembered. */
  has(id: string): boolean {
    return this.#unsent.has(id) || this.#sent.has(id) || this.#acked.has(id);
  }

  /** To be acked, or to be acked again. */
  add({ id, identifier }: LaneItem): void {
    this.#unsent.set(id, { id, identifier });
  }

  /** Those to send now, in order. Each batch is to be told of by `confirm` or `putBack`. */
  *batches(most: number): Generator<readonly LaneItem[]> {
    while (this.#unsent.size > 0) {
      const batch: LaneItem[] = [];
      for (const item of this.#unsent.values()) {
        if (batch.push(item) === most) break;
      }
      for (const { id } of batch) {
        this.#unsent.delete(id);
        this.#sent.add(id);
      }
      yield batch;
    }
  }

  confirm(batch: readonly LaneItem[]): void {
    for (const { id } of batch) {
      this.#sent.delete(id);
      this.#acked.add(id);
    }
    for (const id of this.#acked) {
      if (this.#acked.size <= REMEMBERED) return;
      this.#acked.delete(id);
    }
  }

  putBack(batch: readonly LaneItem[]): void {
    for (const item of batch) {
      this.#sent.delete(item.id);
      this.#unsent.set(item.id, item);
    }
  }
}
