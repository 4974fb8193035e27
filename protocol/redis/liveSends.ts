import { isCluster, type RedisConnection } from "./connection.ts";
import { before } from "./deadline.ts";
import type { Keys } from "./keys.ts";
import type { LiveProgress, MessageQueue } from "./messageQueue.ts";
import type { ReceiptOutcome } from "./nodeMessages.ts";
import type { ReceiptListener, ReceiptsWaiting } from "./receiptsWaiting.ts";
import { recordedResult } from "./recordedResult.ts";
import { type Absence, RouteBatch, type RoutedMessage } from "./routeBatch.ts";
import type { SendResult } from "./sendResult.ts";

/** A session may move while a message is under way: it is routed again, to the new owner. */
const MAX_ROUTES = 3;

/** A message for a session that is live, as it was checked. */
export interface LiveSend {
  readonly identifier: string;
  readonly frame: string;
  readonly messageId: string;
  /** What its receipts name: the `messageId` of one that is recorded, else nothing but this sender's own. */
  readonly receiptId: string;
  /** By the monotonic clock (ms). */
  readonly deadline: number;
}

const ENDED = () => true as const;

/** How one try to route a message ended. Without a node it is not known whether the message was routed. */
type RouteEnd =
  | { readonly outcome: "delivered" | "overloaded" | "stale" | "node_lost"; readonly node: string }
  | { readonly outcome: "timeout"; readonly node?: string }
  | { readonly outcome: "offline"; readonly absence: Absence };

/** Sends to sessions that are live now. */
export class LiveSends {
  readonly #redis: RedisConnection;
  readonly #keys: Keys;
  readonly #queue: MessageQueue;
  readonly #receipts: ReceiptsWaiting;
  readonly #batch: RouteBatch;
  /** The recorded messages that are under way: each resolves when it has ended. */
  readonly #recorded = new Map<string, Promise<true>>();

  constructor(redis: RedisConnection, keys: Keys, queue: MessageQueue, senderId: string, receipts: ReceiptsWaiting) {
    this.#redis = redis;
    this.#keys = keys;
    this.#queue = queue;
    this.#receipts = receipts;
    this.#batch = new RouteBatch(redis, keys, senderId);
  }

  /** @throws the connection's error. */
  async send(message: LiveSend): Promise<SendResult> {
    return this.#send(message, false);
  }

  /**
   * The same, and a record is kept of it. Receipts name it by its id, so a second one with that id begins when the first has
   * ended. @param isOwnId the id does not name its follower. @throws the connection's error.
   */
  async sendRecorded(message: LiveSend, isOwnId: boolean): Promise<SendResult> {
    const { messageId, deadline } = message;
    for (let first = this.#recorded.get(messageId); first !== undefined; first = this.#recorded.get(messageId)) {
      if ((await before(deadline, first)) === undefined) return { result: "timeout", messageId, reached: "accepted" };
    }
    const sending = this.#sendRecorded(message, isOwnId).finally(() => this.#recorded.delete(messageId));
    this.#recorded.set(messageId, sending.then(ENDED, ENDED));
    return sending;
  }

  async #sendRecorded(message: LiveSend, isOwnId: boolean): Promise<SendResult> {
    const { identifier, frame, messageId, deadline } = message;
    const recorded = await before(deadline, this.#queue.recordLive({ identifier, messageId, isOwnId, frame }));
    switch (recorded?.outcome) {
      case undefined:
        return { result: "timeout", messageId, reached: "accepted" };
      case "duplicate":
        return { ...recordedResult(recorded.record, undefined), duplicate: true };
      case "id_conflict":
        return { result: "id_conflict", messageId, reached: "accepted" };
      case "unknown_identifier":
        return { result: "offline", messageId, reached: "accepted", reason: recorded.outcome };
      case "recorded":
    }
    const sent = await this.#send(message, true);
    const progress = progressOf(identifier, sent);
    // What cannot be noted now the node notes, when it has the message.
    if (progress !== undefined) await before(deadline, this.#queue.noteLive(progress)).catch(() => undefined);
    return sent;
  }

  async #send(message: LiveSend, isRecorded: boolean): Promise<SendResult> {
    const { messageId } = message;
    for (let route = 1; ; route++) {
      const end = await this.#route(message, isRecorded);
      switch (end.outcome) {
        case "delivered":
          return { result: "delivered", messageId, reached: "written", node: end.node };
        case "overloaded":
          return { result: "overloaded", messageId, reached: "accepted", where: "follower" };
        case "offline":
          return { result: "offline", messageId, reached: "accepted", ...end.absence };
        case "timeout":
          return this.#timeout(messageId, end.node);
        case "node_lost":
          return offline(messageId, "node_lost", end.node);
        case "stale":
          if (route === MAX_ROUTES) return offline(messageId, "disconnected", end.node);
      }
    }
  }

  #route(message: LiveSend, isRecorded: boolean): Promise<RouteEnd> {
    return new Promise((resolve, reject) => {
      const attempt = new RouteAttempt(message, isRecorded, this.#receipts, resolve, reject);
      this.#receipts.add(message.receiptId, message.deadline, attempt);
      this.#batch.add(attempt);
    });
  }

  /** Where the count of listeners is the truth somebody was there to hear: what was heard may still be delivered. */
  async #timeout(messageId: string, node: string | undefined): Promise<SendResult> {
    if (node === undefined) return { result: "timeout", messageId, reached: "accepted" };
    if (isCluster(this.#redis) && (await this.#isKnownDead(node))) return offline(messageId, "node_lost", node);
    return { result: "timeout", messageId, reached: "routed", node };
  }

  /** The message is answered whatever comes of this question: what cannot be asked is not known. */
  async #isKnownDead(node: string): Promise<boolean> {
    return (await this.#redis.exists(this.#keys.node(node)).catch(() => 1)) === 0;
  }
}

function offline(messageId: string, reason: string, lastNode: string): SendResult {
  return { result: "offline", messageId, reached: "accepted", reason, lastNode };
}

/** What the record of a message is to say; undefined when its sender knows no more than that it was accepted. */
function progressOf(identifier: string, sent: SendResult): LiveProgress | undefined {
  const { messageId } = sent;
  switch (sent.result) {
    case "delivered":
      return { identifier, messageId, state: "written", node: sent.node };
    case "offline":
      return { identifier, messageId, state: "offline", reason: sent.reason };
    case "overloaded":
      return { identifier, messageId, state: "overloaded" };
    case "timeout":
      return sent.node === undefined ? undefined : { identifier, messageId, state: "routed", node: sent.node };
    default:
      return undefined;
  }
}

/** One try: it ends when the route and the receipt are known, in whichever order they come, or with its time. */
class RouteAttempt implements RoutedMessage, ReceiptListener {
  readonly identifier: string;
  readonly frame: string;
  readonly receiptId: string;
  readonly isRecorded: boolean;
  readonly #receipts: ReceiptsWaiting;
  readonly #resolve: (end: RouteEnd) => void;
  readonly #reject: (error: unknown) => void;
  #node: string | undefined;
  #receipt: "delivered" | "overloaded" | "stale" | undefined;

  constructor(
    { identifier, frame, receiptId }: LiveSend,
    isRecorded: boolean,
    receipts: ReceiptsWaiting,
    resolve: (end: RouteEnd) => void,
    reject: (error: unknown) => void,
  ) {
    this.identifier = identifier;
    this.frame = frame;
    this.receiptId = receiptId;
    this.isRecorded = isRecorded;
    this.#receipts = receipts;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  routed(node: string, heard: boolean): void {
    this.#node = node;
    if (this.#receipt !== undefined) this.#resolve({ outcome: this.#receipt, node });
    else if (!heard) this.#end({ outcome: "node_lost", node });
  }

  offline(absence: Absence): void {
    this.#end({ outcome: "offline", absence });
  }

  failed(error: unknown): void {
    this.#receipts.remove(this.receiptId, this);
    this.#reject(error);
  }

  heard(outcome: ReceiptOutcome): boolean {
    if (outcome !== "delivered" && outcome !== "overloaded" && outcome !== "stale") return true;
    this.#receipt = outcome;
    if (this.#node !== undefined) this.#resolve({ outcome, node: this.#node });
    return false;
  }

  late(): void {
    this.#resolve({ outcome: "timeout", ...(this.#node === undefined ? {} : { node: this.#node }) });
  }

  #end(end: RouteEnd): void {
    this.#receipts.remove(this.receiptId, this);
    this.#resolve(end);
  }
}
