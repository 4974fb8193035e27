import type { NodeCommand, ReceiptOutcome } from "@yonexus/protocol/redis";
import type { Transport } from "./transport.ts";

/** A message for a session that somebody waits for a receipt of. */
export type Delivery = Extract<NodeCommand, { kind: "deliver" }>;

/**
 * Hears what became of a delivery. One for all of them: a message costs no closure more than it must.
 * @param writeMs from the hand-over to the socket on, of some; undefined of the others, and of what was not handed over.
 */
export type ReportDelivery = (delivery: Delivery, outcome: ReceiptOutcome, writeMs?: number) => void;

/** Whose outbox it is. */
export interface OutboxOwner {
  /** The buffer has been full for too long. */
  slow(): void;
}

/** A buffer that stays full for so long belongs to a peer that does not read. */
const SLOW_AFTER_MS = 5_000;
/** One message of so many is timed, the first among them: to look at the clock twice costs a fiftieth of what a message does. */
const TIMED_OF = 16;

/**
 * What goes out to one follower, bounded: a message that the send buffer has no room for is refused, which its sender is
 * told, and a buffer that does not drain ends the connection.
 */
export class Outbox {
  readonly #transport: Transport;
  readonly #maxBytes: number;
  readonly #owner: OutboxOwner;
  #delivered = 0;
  #slowTimer: NodeJS.Timeout | undefined;

  constructor(transport: Transport, maxBytes: number, owner: OutboxOwner) {
    this.#transport = transport;
    this.#maxBytes = maxBytes;
    this.#owner = owner;
  }

  /** Sends a message for somebody who waits to hear what became of it. */
  deliver(delivery: Delivery, report: ReportDelivery): void {
    const { frame } = delivery;
    if (this.#transport.bufferedAmount + Buffer.byteLength(frame) > this.#maxBytes) {
      this.#watch();
      report(delivery, "overloaded");
      return;
    }
    if (this.#delivered++ % TIMED_OF !== 0) {
      this.#transport.send(frame, (error) => report(delivery, error ? "stale" : "delivered"));
      return;
    }
    const handedAt = performance.now();
    this.#transport.send(frame, (error) => {
      report(delivery, error ? "stale" : "delivered", performance.now() - handedAt);
    });
  }

  /**
   * Whether so many bytes of what can wait are to be sent now: it leaves half of the send buffer to what cannot. An empty one
   * takes whatever comes.
   */
  hasRoom(bytes: number): boolean {
    const { bufferedAmount } = this.#transport;
    return bufferedAmount === 0 || bufferedAmount + bytes <= this.#maxBytes / 2;
  }

  /** Sends an answer of the protocol. A peer that does not read its answers is over. */
  answer(frame: string): void {
    if (this.#transport.bufferedAmount + Buffer.byteLength(frame) <= this.#maxBytes) this.#transport.send(frame);
    else this.#owner.slow();
  }

  stop(): void {
    clearTimeout(this.#slowTimer);
  }

  #watch(): void {
    this.#slowTimer ??= setTimeout(() => {
      this.#slowTimer = undefined;
      if (this.#transport.bufferedAmount > this.#maxBytes / 2) this.#owner.slow();
    }, SLOW_AFTER_MS).unref();
  }
}
