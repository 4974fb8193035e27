import { isRule, withSender } from "../wire/basics.ts";
import { AckSender } from "./ackSender.ts";
import type { RedisConnection } from "./connection.ts";
import { RedisUnreachableError } from "./errors.ts";
import { failureReason, runTry } from "./handlerTry.ts";
import type { Keys } from "./keys.ts";
import { LaneQueue } from "./laneQueue.ts";
import { Readiness } from "./readiness.ts";
import { onReconnect } from "./reconnect.ts";
import { type GivenMessage, RuleInbox } from "./ruleInbox.ts";
import { RuleHeldError, RuleLease } from "./ruleLease.ts";
import { RuleStore } from "./ruleStore.ts";

export interface InboundMessage {
  /** The stream's id of the message: rises in the order of arrival. */
  readonly id: string;
  readonly rule: string;
  readonly identifier: string;
  readonly content: string;
  /** The follower's own id of the message, if it gave one. */
  readonly messageId?: string;
  /** 1 for the first try. */
  readonly attempt: number;
  /** The frame as the node rewrote it: `rule::identifier::content`. */
  readonly frame: string;
}

/**
 * Handles a message; a promise is awaited. A text that it returns is given to `answer`. What it throws is a failed try, and why
 * is kept with the message when no try is left, and shown to the operator: a thrown text, or the error's `code` and, of a plain
 * `Error` (one whose name is `Error`), its message. So that must hold no secret and no content. Of another error, whose message may
 * quote what it was about, the `code`, or else the name.
 */
export type RuleHandler = (message: InboundMessage) => unknown;

export interface RuleConsumerOptions {
  readonly rule: string;
  /** Replicas of one group share the rule: each message goes to one of them. */
  readonly group: string;
  readonly handler: RuleHandler;
  /** What becomes of a text that the handler returned, before the message counts as handled. A failure is a failed try. */
  readonly answer?: (message: InboundMessage, text: string) => Promise<void>;
  /** A handler or Redis failed. The message is tried again. */
  readonly onError: (error: unknown) => void;
  /** Followers whose messages are handled at once, 1 to 256: 16 unless told. Those of one are handled one after the other. */
  readonly concurrency?: number;
  /** After so many failed tries a message is a dead letter: 5 unless told. */
  readonly maxTries?: number;
  /** How long one try may take (ms): 15 minutes unless told. */
  readonly handlerTimeoutMs?: number;
  /** Waits before the second try and so on: `firstMs` (1 s), twice as long each time, at most `mostMs` (30 s). */
  readonly retry?: { readonly firstMs: number; readonly mostMs: number };
  /** A replica that does not renew for so long is lost, and others take what it had (ms): 15 s unless told. */
  readonly leaseMs?: number;
  /** How long `stop` waits for handlers in progress (ms): 10 s unless told. */
  readonly stopTimeoutMs?: number;
}

const DEFAULTS = {
  concurrency: 16,
  maxTries: 5,
  handlerTimeoutMs: 900_000,
  retry: { firstMs: 1_000, mostMs: 30_000 },
  leaseMs: 15_000,
  stopTimeoutMs: 10_000,
};
const MAX_CONCURRENCY = 256;
/** Messages that a replica keeps, those that wait for their follower's turn with them. */
const MAX_KEPT = 1_024;
const BLOCK_MS = 2_000;
/** How long a start waits for the connection that it reads by (ms). */
const CONNECT_TIMEOUT_MS = 5_000;

/** One replica that holds a rule and handles what arrives: different followers' messages at once, one follower's in order. */
export class RuleConsumer {
  readonly #options: RuleConsumerOptions & typeof DEFAULTS;
  readonly #redis: RedisConnection;
  readonly #blocking: RedisConnection;
  readonly #stream: string;
  readonly #inbox: RuleInbox;
  readonly #lease: RuleLease;
  readonly #queue: LaneQueue<GivenMessage>;
  readonly #acks: AckSender;
  readonly #retries = new Map<string, NodeJS.Timeout>();
  #reading: Promise<void> | undefined;
  #signal = Promise.withResolvers<void>();
  #wantsRoom = false;
  /** An ack or a failure was sent since the last take was. */
  #madeRoom = false;
  /** Set by what failed in the background, for the loop to throw. */
  #failure: { readonly error: unknown } | undefined;
  /** An answer of Redis may be lost: what this replica was given must be asked for before it takes more. */
  #inDoubt = false;
  readonly #ending = new AbortController();
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  #idle: (() => void) | undefined;
  #loop: Promise<void> | undefined;
  #forgetReconnects: (() => void) | undefined;

  /**
   * @param redis opened for `commands`; @param blocking opened for `blocking` and used by this consumer alone.
   * @throws RuleHeldError when the rule is not one; RangeError for a `concurrency` or `maxTries` out of range.
   */
  constructor(redis: RedisConnection, blocking: RedisConnection, keys: Keys, options: RuleConsumerOptions) {
    if (!isRule(options.rule)) {
      throw new RuleHeldError(
        "The rule is not one: 1 to 128 characters without `::` or control characters, not ending in a colon, not `builtin`.",
      );
    }
    this.#options = { ...DEFAULTS, ...options };
    const { rule, group, leaseMs, concurrency, maxTries, onError } = this.#options;
    if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > MAX_CONCURRENCY) {
      throw new RangeError(`concurrency must be a whole number from 1 to ${MAX_CONCURRENCY}.`);
    }
    if (!Number.isInteger(maxTries) || maxTries < 1) throw new RangeError("maxTries must be a whole number from 1 on.");
    this.#redis = redis;
    this.#blocking = blocking;
    this.#stream = keys.rule(rule).inbox;
    this.#inbox = new RuleInbox(redis, keys, rule, group);
    this.#queue = new LaneQueue(concurrency, MAX_KEPT);
    this.#acks = new AckSender(
      async (batch) => {
        if ((await this.#inbox.ack(this.#lease.replicaId, batch)) > 0) this.#wake();
      },
      () => this.#makeRoom(),
      (error) => this.#fail(error),
    );
    this.#lease = new RuleLease(new RuleStore(redis, keys), {
      ...{ rule, group, leaseMs, maxTries },
      onError: (error) => {
        onError(error);
        this.#doubt();
      },
      onLive: () => {
        this.#handleNext();
        this.#wake();
      },
      onLost: () => this.#queue.drop(),
    });
  }

  /** Of now: a replica that was taken for lost goes on under another one. */
  get replicaId(): string {
    return this.#lease.replicaId;
  }

  /** Whether the rule is this replica's now. It is not while Redis is away for longer than the lease, or once another group took it. */
  get isLive(): boolean {
    return this.#lease.isLive;
  }

  /**
   * Takes the rule and begins to handle. Once: a consumer that failed or was stopped is not started again.
   * @throws RuleHeldError when another group holds it; the connection's error when the blocking one is not there within 5 s;
   *   RedisUnreachableError when it is stopped meanwhile.
   */
  start(): Promise<void> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  async #start(): Promise<void> {
    const { signal } = this.#ending;
    // Before the lease: from then on nodes accept messages, which somebody has to read.
    await new Readiness(this.#blocking).within(CONNECT_TIMEOUT_MS, signal);
    await this.#lease.start();
    signal.throwIfAborted();
    this.#forgetReconnects = onReconnect(this.#redis, () => this.#doubt());
    this.#loop = this.#run();
  }

  /** Lets handlers in progress finish, for a while, gives back what was not begun, and gives the rule up. A start under way fails. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    const { stopTimeoutMs, onError } = this.#options;
    this.#ending.abort(new RedisUnreachableError("The consumer of the rule was stopped: register the rule again."));
    // A lease that was asked for must be given back after it was taken. Redis answers that, or fails it, within seconds.
    await this.#starting?.catch(() => undefined);
    this.#forgetReconnects?.();
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#idle = resolve;
      timer = setTimeout(resolve, stopTimeoutMs);
      if (this.#queue.running === 0) resolve();
    });
    clearTimeout(timer);
    for (const retry of this.#retries.values()) clearTimeout(retry);
    this.#wake();
    this.#blocking.disconnect();
    await this.#loop;
    // While Redis is away the lease lapses by itself.
    await this.#acks.flushAll().catch(onError);
    await this.#lease.leave().catch(onError);
  }

  async #run(): Promise<void> {
    while (this.#stopping === undefined) {
      try {
        if (this.#inDoubt) await this.#recover();
        await this.#take();
        if (this.#failure !== undefined) throw this.#failure.error;
      } catch (error) {
        if (this.#stopping !== undefined) return;
        this.#failure = undefined;
        this.#inDoubt = true;
        this.#options.onError(error);
        await pauseAfterFailure();
      }
    }
  }

  async #take(): Promise<void> {
    const room = this.#queue.room;
    if (!this.#lease.isLive || room.lanes === 0 || room.messages === 0) {
      this.#wantsRoom = true;
      return this.#signalled();
    }
    const { replicaId } = this.#lease;
    // Before the take, in the same burst: what is acked makes lanes free.
    this.#acks.flush();
    this.#madeRoom = false;
    const taken = await this.#inbox.take(replicaId, room);
    // Given to one that was taken for lost meanwhile.
    if (replicaId !== this.#lease.replicaId) return;
    if (taken.outcome === "alone") {
      if (this.#madeRoom) return;
      this.#wantsRoom = true;
      return this.#signalled();
    }
    if (taken.outcome === "lapsed") {
      this.#lease.renewNow();
      return this.#signalled();
    }
    for (const message of taken.messages) this.#accept(message);
    this.#handleNext();
    if (taken.readUpTo !== undefined) await this.#news(taken.readUpTo);
  }

  /** What Redis gives again after it lost an ack is acked again. */
  #accept(message: GivenMessage): void {
    if (this.#acks.has(message.id)) this.#acks.add(message);
    else this.#queue.add(message);
  }

  /** Makes what is kept here what Redis says that this replica was given. */
  async #recover(): Promise<void> {
    const { replicaId } = this.#lease;
    this.#inDoubt = false;
    await this.#acks.flushAll();
    this.#failure = undefined;
    const given = await this.#inbox.held(replicaId);
    if (replicaId !== this.#lease.replicaId) {
      this.#inDoubt = true;
      return;
    }
    const ids = new Set(given.map(({ id }) => id));
    this.#queue.drop((id) => ids.has(id));
    for (const message of given) this.#accept(message);
    this.#handleNext();
  }

  /** Waits until there may be something to take: a message comes, or something here says so. */
  async #news(after: string): Promise<void> {
    this.#reading ??= this.#blocking
      .xread("COUNT", 1, "BLOCK", BLOCK_MS, "STREAMS", this.#stream, after)
      .then(
        () => this.#wake(),
        (error: unknown) => this.#fail(error),
      )
      .finally(() => {
        this.#reading = undefined;
      });
    await this.#signalled();
  }

  /** Redis may be another than before, or one that lost what it said last: also one with nothing under way must ask. */
  #doubt(): void {
    this.#inDoubt = true;
    this.#wake();
  }

  #fail(error: unknown): void {
    this.#failure = { error };
    this.#wake();
  }

  #makeRoom(): void {
    this.#madeRoom = true;
    if (this.#wantsRoom) this.#wake();
  }

  #wake(): void {
    this.#wantsRoom = false;
    this.#signal.resolve();
  }

  async #signalled(): Promise<void> {
    await this.#signal.promise;
    this.#signal = Promise.withResolvers();
  }

  /** Begins what may be begun. Without a live lease that is nothing: others may have been given it. */
  #handleNext(): void {
    while (this.#stopping === undefined && this.#lease.isLive) {
      const given = this.#queue.begin();
      if (given === undefined) return;
      this.#try(given);
    }
  }

  #try(given: GivenMessage): void {
    const { rule, handler, answer, handlerTimeoutMs } = this.#options;
    const { id, identifier, content, messageId, tries } = given;
    const message: InboundMessage = {
      ...{ id, rule, identifier, content, attempt: tries + 1, frame: withSender(rule, identifier, content) },
      ...(messageId === "" ? {} : { messageId }),
    };
    let handling: Promise<void> | undefined;
    try {
      handling = runTry(
        () => handler(message),
        (text) => answer?.(message, text),
        handlerTimeoutMs,
      );
    } catch (error) {
      handling = Promise.reject(error);
    }
    if (handling === undefined) {
      this.#finish(given);
      return;
    }
    void handling
      .then(
        () => this.#finish(given),
        (error: unknown) => this.#failed(given, error),
      )
      .then(() => this.#handleNext());
  }

  #finish(given: GivenMessage): void {
    this.#acks.add(given);
    this.#done(given);
  }

  /** The lane of the message goes on without it. */
  #done({ identifier }: GivenMessage): void {
    this.#queue.finish(identifier);
    if (this.#queue.running === 0) this.#idle?.();
  }

  async #failed(given: GivenMessage, error: unknown): Promise<void> {
    const { maxTries, retry, onError } = this.#options;
    onError(error);
    const result = await this.#tellFailure(given, failureReason(error), maxTries);
    if (result.outcome !== "again" || this.#stopping !== undefined) {
      this.#done(given);
      // Others may be given what waits in its lane, and this one too.
      this.#wake();
      return;
    }
    const { identifier } = given;
    this.#queue.pause(identifier, { ...given, tries: result.tries });
    this.#makeRoom();
    clearTimeout(this.#retries.get(identifier));
    const waitMs = Math.min(retry.firstMs * 2 ** (result.tries - 1), retry.mostMs) * (1 - Math.random() / 4);
    const resume = () => {
      this.#retries.delete(identifier);
      this.#queue.resume(identifier);
      this.#handleNext();
    };
    this.#retries.set(identifier, setTimeout(resume, waitMs));
  }

  /** Tries until Redis answers: the message's lane waits. */
  async #tellFailure(given: GivenMessage, reason: string, maxTries: number): ReturnType<RuleInbox["fail"]> {
    for (;;) {
      try {
        return await this.#inbox.fail(this.#lease.replicaId, given, given.tries + 1, reason, maxTries);
      } catch (error) {
        this.#options.onError(error);
        if (this.#stopping !== undefined) return { outcome: "gone" };
        await pauseAfterFailure();
      }
    }
  }
}

async function pauseAfterFailure(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 200 + Math.random() * 300));
}
