import type { QueueGap } from "@yonexus/protocol/redis";

interface Told {
  readonly toSeq: number;
  /** Messages that were sent before it on this connection. */
  readonly order: number;
  isForgetting: boolean;
}

/**
 * The gaps that a follower was told on this connection and that are not forgotten yet. It knows of one for sure when it
 * answered a message that was sent after it: then nobody needs to be told again.
 */
export class ToldGaps {
  readonly #forget: (upToSeq: number) => Promise<void>;
  readonly #failed: (error: unknown) => void;
  readonly #told = new Map<string, Told>();

  /** @param forget has Redis forget the gaps up to a place. @param failed it did not answer; the next answer tries again. */
  constructor(forget: (upToSeq: number) => Promise<void>, failed: (error: unknown) => void) {
    this.#forget = forget;
    this.#failed = failed;
  }

  get size(): number {
    return this.#told.size;
  }

  has(gap: QueueGap): boolean {
    return this.#told.has(nameOf(gap));
  }

  /** @param order how many messages were sent before it. */
  add(gap: QueueGap, order: number): void {
    this.#told.set(nameOf(gap), { toSeq: gap.toSeq, order, isForgetting: false });
  }

  /** The follower answered the message of that order. */
  answered(order: number): void {
    for (const [name, told] of this.#told) {
      if (told.order >= order || told.isForgetting) continue;
      told.isForgetting = true;
      this.#forget(told.toSeq).then(
        () => this.#told.delete(name),
        (error: unknown) => {
          told.isForgetting = false;
          this.#failed(error);
        },
      );
    }
  }
}

/** One that grew by its neighbours is another one, and is told as such. */
function nameOf({ fromSeq, toSeq, reason }: QueueGap): string {
  return `${fromSeq} ${toSeq} ${reason}`;
}
