import { FOLLOWER_STATUSES, type FollowerStatus, isIdentifier } from "../wire/basics.ts";
import { unlessAborted } from "./aborting.ts";
import type { RedisConnection } from "./connection.ts";
import { before } from "./deadline.ts";
import { RedisUnreachableError } from "./errors.ts";
import { MAX_WAIT_MS, Readiness } from "./readiness.ts";
import { Subscription } from "./subscriber.ts";

/** A follower's status changed. */
export interface StatusChange {
  readonly identifier: string;
  readonly status: FollowerStatus;
  readonly previous: FollowerStatus;
  /** `authenticated`, `heartbeat` or `reasserted` of one that came; else a session's end reason, like `heartbeat_timeout`. */
  readonly reason: string;
  /** Redis time (ms). */
  readonly at: number;
}

/** What it returns is of no account, but for a promise that rejects: that is as if it had thrown. */
export type StatusListener = (change: StatusChange) => unknown;

/** Reads a text of the events' channel; undefined for one of an unknown form (a newer version's, to be ignored). */
export function parseStatusChange(text: string): StatusChange | undefined {
  const event = parseObject(text);
  if (event?.type !== "status") return undefined;
  const { identifier, reason, at } = event;
  const [status, previous] = [statusOf(event.status), statusOf(event.previous)];
  if (typeof identifier !== "string" || !isIdentifier(identifier)) return undefined;
  if (status === undefined || previous === undefined || typeof reason !== "string") return undefined;
  if (typeof at !== "number" || !Number.isSafeInteger(at)) return undefined;
  return { identifier, status, previous, reason, at };
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function statusOf(value: unknown): FollowerStatus | undefined {
  return FOLLOWER_STATUSES.find((status) => status === value);
}

/**
 * Tells listeners of status changes, over one subscription however many there are, and none while there is none. Each change
 * is heard once at most: what happens while Redis is away, or before the subscription, is not told later.
 */
export class StatusChanges {
  readonly #redis: RedisConnection;
  readonly #channel: string;
  readonly #onError: (error: unknown) => void;
  readonly #timeoutMs: number;
  readonly #readiness: Readiness;
  /** Each in a box of its own: a function may listen twice. */
  readonly #listeners = new Set<{ readonly tell: StatusListener }>();
  readonly #closing = new AbortController();
  #subscription: Promise<Subscription> | undefined;
  /** Settles when the subscription before is given up: Redis must hear of that before it hears of the next. */
  #unsubscribed: Promise<void> = Promise.resolve();

  /**
   * @param redis opened for `subscriber`. @param onError is told what a listener throws, or rejects with.
   * @param timeoutMs how long a listener waits for Redis while it is away: as long as a timer can, unless given.
   */
  constructor(
    redis: RedisConnection,
    channel: string,
    onError: (error: unknown) => void,
    timeoutMs: number = MAX_WAIT_MS,
  ) {
    this.#redis = redis;
    this.#channel = channel;
    this.#onError = onError;
    this.#timeoutMs = timeoutMs;
    this.#readiness = new Readiness(redis);
  }

  /**
   * Resolves when changes are heard, with how to stop.
   * @throws RedisUnreachableError when it is closed, or Redis does not answer in time; what the connection fails with meanwhile.
   */
  async listen(tell: StatusListener): Promise<() => void> {
    const { signal } = this.#closing;
    signal.throwIfAborted();
    const listener = { tell };
    this.#listeners.add(listener);
    try {
      const deadline = performance.now() + this.#timeoutMs;
      await this.#readiness.within(this.#timeoutMs, signal);
      this.#subscription ??= this.#unsubscribed.then(async () =>
        Subscription.open(this.#redis, this.#channel, (text) => this.#hear(text)),
      );
      // One that Redis does not answer is given up with the last listener, and ends when it is answered.
      const answered = await unlessAborted(signal, before(deadline, this.#subscription));
      if (answered === undefined) {
        throw new RedisUnreachableError(
          "Redis did not answer a subscription in time: see that it runs, and try again.",
        );
      }
    } catch (error) {
      this.#leave(listener);
      throw error;
    }
    return () => this.#leave(listener);
  }

  /** Tells nobody any more. */
  close(): void {
    this.#listeners.clear();
    this.#unsubscribe();
    this.#closing.abort(new RedisUnreachableError("The connection to Redis was closed: open the cluster again."));
  }

  #leave(listener: { readonly tell: StatusListener }): void {
    if (this.#listeners.delete(listener) && this.#listeners.size === 0) this.#unsubscribe();
  }

  #unsubscribe(): void {
    const subscription = this.#subscription;
    this.#subscription = undefined;
    if (subscription === undefined) return;
    this.#unsubscribed = subscription.then(
      (opened) => opened.close(),
      () => undefined,
    );
  }

  #hear(text: string): void {
    const change = parseStatusChange(text);
    if (change === undefined) return;
    for (const { tell } of [...this.#listeners]) void this.#tell(tell, change);
  }

  async #tell(tell: StatusListener, change: StatusChange): Promise<void> {
    try {
      await tell(change);
    } catch (error) {
      this.#onError(error);
    }
  }
}
