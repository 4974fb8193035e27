import { parseReceipts, type ReceiptOutcome } from "./nodeMessages.ts";

/** Who waits for what is told of one message. */
export interface ReceiptListener {
  /** @returns true when more is waited for. */
  heard(outcome: ReceiptOutcome): boolean;
  /** The time is up, or the sender closes. */
  late(): void;
}

interface Waiting {
  /** By the monotonic clock (ms). */
  readonly deadline: number;
  readonly listener: ReceiptListener;
}

/** Deadlines that are closer together than this share a turn of the timer (ms). */
const COARSE_MS = 5;

/**
 * The messages of this process that something is still to be told of. One timer serves them all: most are answered long
 * before their time is up, so it is set for the earliest that it has seen and looks at all of them when it goes off.
 */
export class ReceiptsWaiting {
  readonly #waiting = new Map<string, Waiting>();
  #timer: NodeJS.Timeout | undefined;
  #dueAt = Number.POSITIVE_INFINITY;

  has(messageId: string): boolean {
    return this.#waiting.has(messageId);
  }

  /**
   * One listener an id: receipts say nothing else. Who listened before is told that its time is up.
   * @param deadline by the monotonic clock (ms).
   */
  add(messageId: string, deadline: number, listener: ReceiptListener): void {
    const displaced = this.#waiting.get(messageId);
    if (this.#waiting.size === 0) this.#timer?.ref();
    this.#waiting.set(messageId, { deadline, listener });
    if (deadline < this.#dueAt) this.#wakeAt(deadline);
    displaced?.listener.late();
  }

  remove(messageId: string, listener: ReceiptListener): void {
    if (this.#waiting.get(messageId)?.listener === listener) this.#forget(messageId);
  }

  /** Receipts as they were published. One that nobody waits for came too late. */
  hear(text: string): void {
    for (const { messageId, outcome } of parseReceipts(text)) {
      const waiting = this.#waiting.get(messageId);
      if (waiting !== undefined && !waiting.listener.heard(outcome)) this.#forget(messageId);
    }
  }

  /** Tells all that their time is up. */
  close(): void {
    this.#endThose(Number.POSITIVE_INFINITY);
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#dueAt = Number.POSITIVE_INFINITY;
  }

  #forget(messageId: string): void {
    this.#waiting.delete(messageId);
    // A process that waits for nothing may end.
    if (this.#waiting.size === 0) this.#timer?.unref();
  }

  #wakeAt(deadline: number): void {
    clearTimeout(this.#timer);
    this.#dueAt = deadline;
    this.#timer = setTimeout(() => this.#wake(), Math.max(COARSE_MS, Math.ceil(deadline - performance.now())));
  }

  #wake(): void {
    this.#timer = undefined;
    this.#dueAt = Number.POSITIVE_INFINITY;
    this.#endThose(performance.now());
    let earliest = Number.POSITIVE_INFINITY;
    for (const { deadline } of this.#waiting.values()) if (deadline < earliest) earliest = deadline;
    if (earliest !== Number.POSITIVE_INFINITY) this.#wakeAt(earliest);
  }

  #endThose(until: number): void {
    for (const [messageId, { deadline, listener }] of this.#waiting) {
      if (deadline > until) continue;
      this.#forget(messageId);
      listener.late();
    }
  }
}
