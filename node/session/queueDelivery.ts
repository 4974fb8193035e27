import type { MessageQueue, QueueGap, QueueRead, QueueState } from "@yonexus/protocol/redis";
import { encodeNodeMessage } from "@yonexus/protocol/wire";
import { DeliveryWindow, type InFlight, type QueuedMessage, type ReadRange } from "./deliveryWindow.ts";
import type { ConnectionEvent } from "./event.ts";
import { encodeQueuedMessage } from "./messageFrame.ts";
import { type QueueSession, Settling, type SettlingServices } from "./settling.ts";
import { ToldGaps } from "./toldGaps.ts";

/** What the delivery of a queue needs of the node. */
export interface QueueServices extends SettlingServices {
  /** The time of the cluster: UTC unix seconds. */
  readonly clock: { seconds(): number };
  readonly queue: Pick<MessageQueue, "read" | "settle" | "reject" | "forgetGaps">;
}

/** What it needs of its connection. */
export interface QueueLink {
  /** Whether the send buffer has room for so many bytes. */
  hasRoom(bytes: number): boolean;
  /** Hands a queued message to the socket. @param onWritten called in the order of the messages. */
  sendQueued(frame: string, onWritten: (error?: Error | null) => void): void;
  /** Hands a frame to the socket that nobody waits for. */
  tell(frame: string): void;
  apply(event: ConnectionEvent): void;
}

type ReadEnd = Parameters<DeliveryWindow["endRead"]>[0];

/** What Redis did not answer is tried again after this, if nothing else causes it before. */
const RETRY_AFTER_MS = 1_000;
/** A send buffer that is full of other things is looked at again after this. */
const BUFFER_WAIT_MS = 50;

/**
 * Brings a follower's queue to its socket, in order. The queue in Redis is the truth: what fails here is read again, by this
 * session or the next one.
 */
export class QueueDelivery {
  readonly #session: QueueSession;
  readonly #link: QueueLink;
  readonly #services: QueueServices;
  readonly #window: DeliveryWindow;
  readonly #settling: Settling;
  readonly #told: ToldGaps;
  /** Handed to the socket, which has not taken them yet, in order. */
  readonly #unwritten: InFlight[] = [];
  #phase: "sending" | "leaving" | "stopped" = "sending";
  /** Redis said that the session is another's: until that is known for sure nothing is sent. */
  #suspended = false;
  #woken = false;
  #bufferFull = false;
  #socketBroken = false;
  #retryTimer: NodeJS.Timeout | undefined;

  constructor(session: QueueSession, queue: QueueState, link: QueueLink, services: QueueServices) {
    this.#session = session;
    this.#link = link;
    this.#services = services;
    this.#window = new DeliveryWindow(queue);
    this.#settling = new Settling(session, services, () => this.#window.unsettled(), {
      settled: (message) => {
        this.#window.settled(message);
        this.#wake();
      },
      stale: () => this.#suspend(),
      retry: () => this.#retryIn(RETRY_AFTER_MS),
    });
    this.#told = new ToldGaps((upToSeq) => this.#forgetGaps(upToSeq), services.failed);
    this.#wake();
  }

  /** The last seq of the queue when there is nothing to do and nothing to keep; undefined otherwise. */
  get idleAt(): number | undefined {
    const isIdle = this.#isSending && this.#settling.isIdle && this.#told.size === 0 && this.#retryTimer === undefined;
    return isIdle ? this.#window.idleAt : undefined;
  }

  /** A message was queued. */
  queued(message: QueuedMessage): void {
    if (!this.#isSending) this.#window.fallBehind();
    else if (!this.#window.offer(message.seq)) this.#wake();
    else if (!this.#send(message)) this.#window.heldBack();
  }

  /** Something was queued or dropped, it is not known what. */
  fallBehind(): void {
    this.#window.fallBehind();
    this.#wake();
  }

  /** The session is asserted: what was missed meanwhile is made good. */
  resume(queue: QueueState): void {
    this.#suspended = false;
    this.#window.compare(queue);
    if (queue.gaps > this.#told.size) this.#window.fallBehind();
    this.#settling.again();
    this.#wake();
  }

  /** The follower answered a message. @param rejection why it never can handle it. */
  answered(messageId: string, rejection: string | undefined, requestId: string | undefined): void {
    const answer = rejection === undefined ? "acked" : { rejection };
    const message = this.#window.find(messageId);
    if (message === undefined) {
      void this.#settling.settleOther(messageId, answer).then((outcome) => {
        if (outcome !== "unknown" && outcome !== "unavailable") return;
        this.#link.apply({ type: "ackJudged", outcome, ...(requestId === undefined ? {} : { requestId }) });
      });
      return;
    }
    // The first answer counts; it is being settled.
    if (message.answer !== undefined) return;
    this.#window.answered(message, answer);
    if (this.#told.size > 0) this.#told.answered(message.order);
    void this.#settling.settle(message);
    this.#wake();
  }

  /** Sends nothing more. What the follower acks is still settled. */
  leave(): void {
    if (this.#phase !== "stopped") this.#phase = "leaving";
  }

  /** The socket is gone, or the session another's. */
  stop(): void {
    if (this.#phase === "stopped") return;
    this.#phase = "stopped";
    clearTimeout(this.#retryTimer);
    this.#settling.stop();
  }

  get #isSending(): boolean {
    return this.#phase === "sending" && !this.#suspended;
  }

  /** Reads on once what happens in this tick has happened: it may make more room. */
  #wake(): void {
    if (this.#woken) return;
    this.#woken = true;
    setImmediate(() => {
      this.#woken = false;
      this.#readOn();
    });
  }

  #readOn(): void {
    if (!this.#isSending) return;
    const range = this.#window.beginRead();
    if (range !== undefined) void this.#read(range);
  }

  async #read({ afterSeq, maxMessages, maxBytes }: ReadRange): Promise<void> {
    const { reading } = this.#window;
    let end: ReadEnd;
    try {
      const found = await this.#services.queue.read(this.#session.identifier, afterSeq, maxMessages, maxBytes);
      if (this.#window.reading !== reading) return;
      end = this.#isSending ? this.#sendAll(found) : "failed";
    } catch (error) {
      if (this.#window.reading !== reading) return;
      this.#services.failed(error);
      end = "failed";
    }
    this.#window.endRead(end);
    if (end === "failed") this.#retryIn(RETRY_AFTER_MS);
    else this.#readOn();
  }

  /** In the order of the queue, each gap before what follows it. */
  #sendAll({ messages, gaps, more }: QueueRead): ReadEnd {
    const last = gaps.at(-1);
    // A follower without acks cannot be told.
    if (last !== undefined && !this.#session.acks) this.#forgetGaps(last.toSeq).catch(this.#services.failed);
    for (const message of messages) {
      if (!this.#tellGaps(gaps, message.seq)) return "blocked";
      if (!this.#window.passOver(message) && !this.#send(message)) return "blocked";
    }
    if (more) return "more";
    return this.#tellGaps(gaps, Number.POSITIVE_INFINITY) ? "sent" : "blocked";
  }

  /** False when there is no room for it. */
  #send(message: QueuedMessage): boolean {
    const frame = this.#session.acks ? encodeQueuedMessage(message, this.#services.clock.seconds()) : message.frame;
    const bytes = Buffer.byteLength(frame);
    if (!this.#window.hasRoom(bytes) || !this.#bufferHasRoom(bytes)) return false;
    this.#unwritten.push(this.#window.sent(message, bytes));
    this.#link.sendQueued(frame, this.#onWritten);
    return true;
  }

  /** Tells the gaps before a message, those that were not told. False when there is no room for one. */
  #tellGaps(gaps: readonly QueueGap[], beforeSeq: number): boolean {
    if (!this.#session.acks) return true;
    for (const gap of gaps) {
      if (gap.toSeq >= beforeSeq || this.#told.has(gap)) continue;
      const frame = encodeNodeMessage({ type: "gap", timestamp: this.#services.clock.seconds(), payload: { ...gap } });
      if (!this.#bufferHasRoom(frame.length)) return false;
      this.#told.add(gap, this.#window.count);
      this.#link.tell(frame);
    }
    return true;
  }

  #bufferHasRoom(bytes: number): boolean {
    if (this.#link.hasRoom(bytes)) return true;
    this.#bufferFull = true;
    // Else the next of our own that the socket takes says that there is room.
    if (this.#unwritten.length === 0) this.#retryIn(BUFFER_WAIT_MS);
    return false;
  }

  /** One for all messages: the socket takes them in their order. */
  readonly #onWritten = (error?: Error | null): void => {
    // After the first failure the order may be another, and the session is over.
    if (error) this.#socketBroken = true;
    const message = this.#socketBroken ? undefined : this.#unwritten.shift();
    if (message === undefined) return;
    message.writtenAt = performance.now();
    if (this.#bufferFull) {
      this.#bufferFull = false;
      this.fallBehind();
    }
    if (!this.#session.acks) {
      this.#window.answered(message, "sent");
      void this.#settling.settle(message);
      this.#wake();
    } else if (message.answer === undefined && this.#phase !== "stopped") {
      this.#settling.written(message);
    }
  };

  #suspend(): void {
    if (this.#suspended || this.#phase === "stopped") return;
    this.#suspended = true;
    this.#link.apply({ type: "settledStale" });
  }

  #forgetGaps(upToSeq: number): Promise<void> {
    return this.#services.queue.forgetGaps(this.#session.identifier, this.#session.epoch, upToSeq);
  }

  #retryIn(ms: number): void {
    if (this.#phase === "stopped") return;
    this.#retryTimer ??= setTimeout(() => {
      this.#retryTimer = undefined;
      this.#settling.again();
      this.fallBehind();
    }, ms).unref();
  }
}
