import { encodeReceipts, type Keys, type Receipt, type RedisConnection } from "@yonexus/protocol/redis";

/** Tells senders what became of their messages. The receipts of one tick for one sender share one publish. */
export class Receipts {
  readonly #redis: RedisConnection;
  readonly #keys: Keys;
  readonly #background: (work: Promise<unknown>) => void;
  #bySender = new Map<string, Receipt[]>();

  constructor(redis: RedisConnection, keys: Keys, background: (work: Promise<unknown>) => void) {
    this.#redis = redis;
    this.#keys = keys;
    this.#background = background;
  }

  add(senderId: string, receipt: Receipt): void {
    if (this.#bySender.size === 0) setImmediate(() => this.#flush());
    const receipts = this.#bySender.get(senderId);
    if (receipts === undefined) this.#bySender.set(senderId, [receipt]);
    else receipts.push(receipt);
  }

  #flush(): void {
    const bySender = this.#bySender;
    this.#bySender = new Map();
    for (const [senderId, receipts] of bySender) {
      this.#background(this.#redis.publish(this.#keys.replyChannel(senderId), encodeReceipts(receipts)));
    }
  }
}
