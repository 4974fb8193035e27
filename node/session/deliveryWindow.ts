import type { QueueState } from "@yonexus/protocol/redis";

/** A message of the follower's queue. `frame` is `rule::content`. `senderId`: who waits to hear of it; empty when nobody. */
export interface QueuedMessage {
  readonly seq: number;
  readonly messageId: string;
  readonly frame: string;
  readonly senderId: string;
}

/** How a message leaves the queue. `sent`: of a follower without acks the socket took it. */
export type Answer = "acked" | "sent" | { readonly rejection: string };

/** A message that was sent and is not settled yet. */
export interface InFlight {
  readonly seq: number;
  readonly messageId: string;
  readonly senderId: string;
  /** Of its frame as it was sent. */
  readonly bytes: number;
  /** The how manieth of this session. */
  readonly order: number;
  /** When the socket took it, by a steady clock (ms); undefined until then. */
  writtenAt: number | undefined;
  /** The record says that it was written, and counts this delivery. */
  noted: boolean;
  /** How it is to be settled; undefined while it waits for the follower's ack, or for the socket. */
  answer: Answer | undefined;
}

/** What to ask the queue for. */
export interface ReadRange {
  readonly afterSeq: number;
  readonly maxMessages: number;
  readonly maxBytes: number;
}

/** Messages without an ack (without acks: that the socket has not taken) at a time, and their bytes. */
export const WINDOW = { messages: 64, bytes: 262_144 } as const;
/** Messages at a time that were sent and are not settled, answered or not: Redis is slow, or away. */
const MAX_UNSETTLED = 512;

/**
 * How far a session is with its follower's queue, pure. What was sent is a prefix of the queue, up to `sentSeq`, and of it
 * so much is unanswered that the follower is not flooded. A message that is the next one, and that there is room for, can be
 * sent as it comes; else the session is behind, and reads on from the queue: a wake-up that is lost or too early costs a
 * read and never a message.
 */
export class DeliveryWindow {
  readonly #inFlight = new Map<string, InFlight>();
  #sentSeq: number;
  /** The last one that is known to have been given. */
  #knownSeq: number;
  #behind: boolean;
  #unanswered = 0;
  #unansweredBytes = 0;
  #count = 0;
  /** What the last read found had no room: until there is more, the next one would not either. */
  #blocked = false;
  /** The range under way: what was known when it was asked for. */
  #reading: { readonly knownSeq: number } | undefined;

  constructor(queue: QueueState) {
    this.#behind = queue.waiting > 0 || queue.gaps > 0;
    this.#sentSeq = this.#behind ? 0 : queue.lastSeq;
    this.#knownSeq = queue.lastSeq;
  }

  /** The last of the queue when nothing is open: all was sent and settled. Undefined otherwise. */
  get idleAt(): number | undefined {
    return this.#behind || this.#reading !== undefined || this.#inFlight.size > 0 ? undefined : this.#sentSeq;
  }

  /** Messages that were sent on this session. */
  get count(): number {
    return this.#count;
  }

  /** A message was queued. True when it is the next one: then it is `sent`, or `heldBack`. */
  offer(seq: number): boolean {
    if (seq <= this.#sentSeq) return false;
    this.#knownSeq = Math.max(this.#knownSeq, seq);
    // What comes while a read is under way may be in its answer already.
    if (this.#reading !== undefined) return false;
    if (!this.#behind && seq === this.#sentSeq + 1) return true;
    this.#behind = true;
    return false;
  }

  /** There was no room for the next one. */
  heldBack(): void {
    this.#behind = true;
    this.#blocked = true;
  }

  /** There is something to read, whatever was sent. */
  fallBehind(): void {
    this.#behind = true;
    this.#blocked = false;
  }

  /** What Redis says of the queue, at times: a wake-up may have been lost, or what was sent may be unknown to it. */
  compare(queue: QueueState): void {
    const { lastSeq, waiting } = queue;
    const isAtEnd = lastSeq === this.#sentSeq && !this.#behind && this.#reading === undefined;
    // Redis lost its last writes, or holds a message that was never sent: all that waits is looked at again.
    if (lastSeq < this.#sentSeq || (isAtEnd && waiting > this.#inFlight.size)) {
      this.#sentSeq = 0;
      this.#reading = undefined;
    } else if (isAtEnd) {
      return;
    }
    this.#knownSeq = lastSeq;
    this.fallBehind();
  }

  /** Whether a message of this size may be sent. One that is larger than the window is sent alone. */
  hasRoom(bytes: number): boolean {
    if (this.#inFlight.size >= MAX_UNSETTLED) return false;
    if (this.#unanswered === 0) return true;
    return this.#unanswered < WINDOW.messages && this.#unansweredBytes + bytes <= WINDOW.bytes;
  }

  /** What to read now; undefined when there is nothing to, or no room. `endRead` follows. */
  beginRead(): ReadRange | undefined {
    if (!this.#behind || this.#blocked || this.#reading !== undefined || !this.hasRoom(0)) return undefined;
    this.#behind = false;
    this.#reading = { knownSeq: this.#knownSeq };
    return {
      afterSeq: this.#sentSeq,
      maxMessages: WINDOW.messages - this.#unanswered,
      maxBytes: WINDOW.bytes - this.#unansweredBytes,
    };
  }

  /** Names the read under way, so that one that was overtaken by `compare` is known by its answer. */
  get reading(): object | undefined {
    return this.#reading;
  }

  /**
   * What was read is dealt with. @param end `sent`: all of it was sent. `more`: all of it, and there is more. `blocked`:
   * there was no room for some of it. `failed`: nothing was read.
   */
  endRead(end: "sent" | "more" | "blocked" | "failed"): void {
    // What was not found up to what was known had been settled before.
    if (end === "sent" && this.#reading !== undefined) {
      this.#sentSeq = Math.max(this.#sentSeq, this.#reading.knownSeq);
    }
    this.#reading = undefined;
    this.#blocked = end === "blocked" || end === "failed";
    if (end !== "sent" || this.#knownSeq > this.#sentSeq) this.#behind = true;
  }

  /** Whether the message was sent on this session and is not settled: it is not sent again. */
  passOver({ seq, messageId }: QueuedMessage): boolean {
    if (!this.#inFlight.has(messageId)) return false;
    this.#sentSeq = Math.max(this.#sentSeq, seq);
    return true;
  }

  /** The message is handed to the socket. */
  sent({ seq, messageId, senderId }: QueuedMessage, bytes: number): InFlight {
    this.#count += 1;
    const message: InFlight = {
      seq,
      messageId,
      senderId,
      bytes,
      order: this.#count,
      writtenAt: undefined,
      noted: false,
      answer: undefined,
    };
    this.#inFlight.set(messageId, message);
    this.#sentSeq = Math.max(this.#sentSeq, seq);
    this.#unanswered += 1;
    this.#unansweredBytes += bytes;
    return message;
  }

  find(messageId: string): InFlight | undefined {
    return this.#inFlight.get(messageId);
  }

  /** The follower answered it, or the socket took it where that is the end: it makes room. */
  answered(message: InFlight, answer: Answer): void {
    message.answer = answer;
    this.#makeRoom(message);
  }

  /** It left the queue. */
  settled(message: InFlight): void {
    if (message.answer === undefined) this.#makeRoom(message);
    this.#inFlight.delete(message.messageId);
    this.#blocked = false;
  }

  /** What was sent and is not settled, in the order it was sent. */
  unsettled(): IterableIterator<InFlight> {
    return this.#inFlight.values();
  }

  #makeRoom(message: InFlight): void {
    this.#unanswered -= 1;
    this.#unansweredBytes -= message.bytes;
    this.#blocked = false;
  }
}
