import { HandledMessages } from "./handledMessages.ts";
import type { LaneItem } from "./laneQueue.ts";

/** Acks that one call sends at most. */
const BATCH = 256;

/** Sends the acks of handled messages: those of one turn together, and without waiting for the answers. */
export class AckSender {
  readonly #send: (batch: readonly LaneItem[]) => Promise<void>;
  readonly #onFlush: () => void;
  readonly #onError: (error: unknown) => void;
  readonly #handled = new HandledMessages();
  readonly #underWay = new Set<Promise<void>>();
  #scheduled: NodeJS.Immediate | undefined;
  #failure: { readonly error: unknown } | undefined;

  /**
   * @param send acks a batch. @param onFlush called after acks were sent by themselves.
   * @param onError called for a batch that could not be acked: it is sent again by the next `flush`.
   */
  constructor(
    send: (batch: readonly LaneItem[]) => Promise<void>,
    onFlush: () => void,
    onError: (error: unknown) => void,
  ) {
    this.#send = send;
    this.#onFlush = onFlush;
    this.#onError = onError;
  }

  /** Whether the message was handled here, as far as is remembered. */
  has(id: string): boolean {
    return this.#handled.has(id);
  }

  /** Acks a message soon, also one that was acked before. */
  add(item: LaneItem): void {
    this.#handled.add(item);
    this.#scheduled ??= setImmediate(() => {
      this.flush();
      this.#onFlush();
    });
  }

  /** Sends what is not under way now, and does not wait for the answers. */
  flush(): void {
    clearImmediate(this.#scheduled);
    this.#scheduled = undefined;
    for (const batch of this.#handled.batches(BATCH)) {
      const sent = this.#send(batch)
        .then(
          () => this.#handled.confirm(batch),
          (error: unknown) => {
            this.#handled.putBack(batch);
            this.#failure = { error };
            this.#onError(error);
          },
        )
        .finally(() => this.#underWay.delete(sent));
      this.#underWay.add(sent);
    }
  }

  /** Sends all, those too whose answer did not come, and waits for the answers. @throws the last failure. */
  async flushAll(): Promise<void> {
    await Promise.all(this.#underWay);
    this.#failure = undefined;
    this.flush();
    await Promise.all(this.#underWay);
    // Set meanwhile, which the compiler does not see.
    const failure = this.#failure as { readonly error: unknown } | undefined;
    if (failure !== undefined) throw failure.error;
  }
}
