import { isCluster, type RedisConnection } from "./connection.ts";
import type { Keys } from "./keys.ts";
import { runScript, runScriptAtOnce, type ScriptReply } from "./scripts.ts";

/** A live message on its way to the node that holds its follower. */
export interface RoutedMessage {
  /** What its receipt names. */
  readonly receiptId: string;
  readonly identifier: string;
  readonly frame: string;
  /** A record is kept of it: the node notes in it what becomes of the message. */
  readonly isRecorded: boolean;
  /** Published to that node. `heard`: somebody listens there, as far as can be told. */
  routed(node: string, heard: boolean): void;
  /** There is no live session. Instants are Redis time (ms). */
  offline(absence: Absence): void;
  failed(error: unknown): void;
}

export interface Absence {
  readonly reason: string;
  readonly lastSeenAt?: number;
  readonly lastNode?: string;
  readonly now?: number;
}

/** The most that one script call takes: Redis serves nobody else while it runs. */
const MAX_MESSAGES = 256;
const MAX_CHARACTERS = 1_048_576;

interface Batch {
  readonly messages: RoutedMessage[];
  readonly keys: string[];
  readonly texts: string[];
  characters: number;
}

/**
 * Routes live messages. Those of one tick share one script call and, to each node, one publish. On a Redis Cluster their
 * keys are on several servers, so each goes by itself.
 */
export class RouteBatch {
  readonly #redis: RedisConnection;
  readonly #keys: Keys;
  readonly #senderId: string;
  readonly #isCluster: boolean;
  #batch: Batch | undefined;

  constructor(redis: RedisConnection, keys: Keys, senderId: string) {
    this.#redis = redis;
    this.#keys = keys;
    this.#senderId = senderId;
    this.#isCluster = isCluster(redis);
  }

  add(message: RoutedMessage): void {
    if (this.#isCluster || message.isRecorded) {
      void this.#routeAlone(message, runScript);
      return;
    }
    const { receiptId, identifier, frame } = message;
    if (this.#batch !== undefined && this.#batch.characters + frame.length > MAX_CHARACTERS) this.#flush(this.#batch);
    const batch = this.#batch ?? this.#open();
    batch.messages.push(message);
    batch.keys.push(this.#keys.follower(identifier).session);
    // The script puts the epoch before it. Lua counts bytes, so the length is given.
    batch.texts.push(` ${receiptId} ${frame.length} ${identifier}\n${frame}`);
    batch.characters += frame.length;
    if (batch.messages.length === MAX_MESSAGES) this.#flush(batch);
  }

  #open(): Batch {
    const batch: Batch = { messages: [], keys: [], texts: [], characters: 0 };
    this.#batch = batch;
    setImmediate(() => {
      if (this.#batch === batch) this.#flush(batch);
    });
    return batch;
  }

  #flush(batch: Batch): void {
    this.#batch = undefined;
    const [first] = batch.messages;
    if (batch.messages.length === 1 && first !== undefined) void this.#routeAlone(first, runScriptAtOnce);
    else void this.#routeTogether(batch);
  }

  async #routeTogether({ messages, keys, texts }: Batch): Promise<void> {
    let reply: ScriptReply;
    try {
      const args = [this.#senderId, this.#keys.nodeChannelPrefix, ...texts];
      reply = await runScript(this.#redis, "routeMessages", keys, args);
      reply.outcome("routed");
    } catch (error) {
      for (const message of messages) message.failed(error);
      return;
    }
    const nodes = reply.number(1);
    for (const [index, message] of messages.entries()) {
      const place = reply.number(nodes + 2 + index);
      if (place === 0) void this.#routeAlone(message, runScript);
      else message.routed(reply.text(place + 1), true);
    }
  }

  /** The same for one message, with the reason when there is no live session. */
  async #routeAlone(message: RoutedMessage, run: typeof runScript): Promise<void> {
    const { identifier, receiptId, frame, isRecorded } = message;
    const own = this.#keys.follower(identifier);
    let reply: ScriptReply;
    try {
      reply = await run(
        this.#redis,
        "routeMessage",
        [own.session, own.trust],
        [identifier, receiptId, this.#senderId, this.#keys.nodeChannelPrefix, frame, isRecorded ? " r" : ""],
      );
      if (reply.outcome("routed", "offline") === "routed") {
        // On one Redis the count is the truth. On a Redis Cluster it is local: there only a receipt tells.
        message.routed(reply.text(1), reply.number(2) > 0 || this.#isCluster);
        return;
      }
    } catch (error) {
      message.failed(error);
      return;
    }
    const lastSeenAt = reply.number(2);
    message.offline({
      reason: reply.text(1),
      ...(lastSeenAt === 0 ? {} : { lastSeenAt, lastNode: reply.text(3), now: reply.number(4) }),
    });
  }
}
