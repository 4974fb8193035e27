import type { MessageQueue, Receipt, SettleOutcome } from "@yonexus/protocol/redis";
import type { Answer, InFlight } from "./deliveryWindow.ts";

/** Whose messages are settled. */
export interface QueueSession {
  readonly identifier: string;
  readonly epoch: number;
  /** Whether the follower acks. */
  readonly acks: boolean;
}

/** What settling needs of the node. */
export interface SettlingServices {
  readonly nodeId: string;
  readonly queue: Pick<MessageQueue, "settle" | "reject">;
  /** Tells a sender what became of its message. */
  receipt(senderId: string, receipt: Receipt): void;
  /** Redis did not answer, or something of ours failed: it is tried again. */
  failed(error: unknown): void;
}

export interface SettlingEvents {
  /** The message has left the queue. */
  settled(message: InFlight): void;
  /** Redis says that another epoch owns the session. */
  stale(): void;
  /** Something is to be settled again. */
  retry(): void;
}

/** A message without an ack for so long is written down as written: until then its ack is likely to say more. */
const NOTE_AFTER_MS = 250;
/** What Redis did not take is noted again after so long. */
const NOTE_AGAIN_AFTER_MS = 1_000;

/** Writes down what became of the messages that a session was sent, and tells who waits for them. */
export class Settling {
  readonly #session: QueueSession;
  readonly #services: SettlingServices;
  readonly #events: SettlingEvents;
  /** What was sent and is not settled, in the order it was sent. */
  readonly #sent: () => Iterable<InFlight>;
  /** Answered, and Redis did not take it: to be settled again. */
  #failed: InFlight[] = [];
  #noteTimer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(
    session: QueueSession,
    services: SettlingServices,
    sent: () => Iterable<InFlight>,
    events: SettlingEvents,
  ) {
    this.#session = session;
    this.#services = services;
    this.#sent = sent;
    this.#events = events;
  }

  /** Nothing is to be done later. */
  get isIdle(): boolean {
    return this.#failed.length === 0 && this.#noteTimer === undefined;
  }

  /** The socket took a message that the follower is to ack. */
  written(message: InFlight): void {
    this.#receipt(message, "written");
    this.#noteIn(NOTE_AFTER_MS);
  }

  /** The message has its answer: it leaves the queue. */
  async settle(message: InFlight): Promise<void> {
    const { messageId, answer, writtenAt, noted } = message;
    if (answer === undefined) return;
    let outcome: SettleOutcome;
    try {
      outcome = await this.#ask(messageId, answer, writtenAt, !noted);
    } catch (error) {
      this.#failed.push(message);
      this.#services.failed(error);
      this.#events.retry();
      return;
    }
    if (outcome === "stale") {
      this.#failed.push(message);
      this.#events.stale();
      return;
    }
    this.#events.settled(message);
    // Of a rejection the script tells the sender itself.
    if (outcome === "settled" && typeof answer === "string") {
      this.#receipt(message, answer === "acked" ? "acked" : "delivered");
    }
  }

  /** The follower answers what this session did not send: it is of an earlier session, or nothing of its queue. */
  async settleOther(messageId: string, answer: Answer): Promise<SettleOutcome | "unavailable"> {
    try {
      const outcome = await this.#ask(messageId, answer, undefined, false);
      if (outcome === "stale") this.#events.stale();
      return outcome;
    } catch (error) {
      this.#services.failed(error);
      return "unavailable";
    }
  }

  /** Settles again what failed. */
  again(): void {
    const failed = this.#failed;
    this.#failed = [];
    for (const message of failed) void this.settle(message);
  }

  /** The session is over: what was written on it counts as a try. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#noteTimer);
    this.#noteTimer = undefined;
    if (!this.#session.acks) return;
    for (const message of this.#sent()) this.#note(message);
  }

  #noteIn(ms: number): void {
    this.#noteTimer ??= setTimeout(() => {
      this.#noteTimer = undefined;
      this.#noteDue();
    }, ms).unref();
  }

  #noteDue(): void {
    const now = performance.now();
    for (const message of this.#sent()) {
      if (message.noted || message.answer !== undefined) continue;
      if (message.writtenAt === undefined) return;
      const dueInMs = message.writtenAt + NOTE_AFTER_MS - now;
      if (dueInMs > 0) {
        this.#noteIn(dueInMs);
        return;
      }
      this.#note(message);
    }
  }

  /** Writes down that the message was written, and that this was a try; once. */
  #note(message: InFlight): void {
    if (message.noted || message.writtenAt === undefined || message.answer !== undefined) return;
    message.noted = true;
    this.#ask(message.messageId, "written", message.writtenAt, true).then(
      (outcome) => {
        if (outcome === "stale") this.#events.stale();
      },
      (error: unknown) => {
        message.noted = false;
        this.#services.failed(error);
        if (!this.#stopped) this.#noteIn(NOTE_AGAIN_AFTER_MS);
      },
    );
  }

  #ask(
    messageId: string,
    outcome: Answer | "written",
    writtenAt: number | undefined,
    isNewTry: boolean,
  ): Promise<SettleOutcome> {
    const { queue, nodeId } = this.#services;
    const { identifier, epoch } = this.#session;
    const writtenAgoMs = writtenAt === undefined ? 0 : Math.max(0, Math.round(performance.now() - writtenAt));
    return typeof outcome === "object"
      ? queue.reject({ identifier, epoch, nodeId, messageId, writtenAgoMs, isNewTry, reason: outcome.rejection })
      : queue.settle({ identifier, epoch, nodeId, messageId, outcome, writtenAgoMs, isNewTry });
  }

  #receipt({ senderId, messageId }: InFlight, outcome: Receipt["outcome"]): void {
    if (senderId !== "") this.#services.receipt(senderId, { messageId, outcome });
  }
}
