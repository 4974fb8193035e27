import { FOLLOWER_STATUSES, type FollowerStatus, isIdentifier } from "../wire/index.ts";
import type { RedisConnection } from "./connection.ts";
import { RedisUnreachableError } from "./errors.ts";
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

export type StatusListener = (change: StatusChange) => void;

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
  /** Each in a box of its own: a function may listen twice. */
  readonly #listeners = new Set<{ readonly tell: StatusListener }>();
  readonly #closed = Promise.withResolvers<never>();
  #subscription: Promise<Subscription> | undefined;
  /** Settles when the subscription before is given up: Redis must hear of that before it hears of the next. */
  #unsubscribed: Promise<void> = Promise.resolve();

  /** @param redis opened for `subscriber`. @param onError is told what a listener throws. */
  constructor(redis: RedisConnection, channel: string, onError: (error: unknown) => void) {
    this.#redis = redis;
    this.#channel = channel;
    this.#onError = onError;
    this.#closed.promise.catch(() => undefined);
  }

  /** Resolves when changes are heard, with how to stop; waits for Redis while it is away. @throws RedisUnreachableError when closed. */
  async listen(tell: StatusListener): Promise<() => void> {
    const listener = { tell };
    this.#listeners.add(listener);
    try {
      this.#subscription ??= this.#unsubscribed.then(async () =>
        Subscription.open(this.#redis, this.#channel, (text) => this.#hear(text)),
      );
      // A subscription that waits for Redis is never answered once its connection is ended.
      await Promise.race([this.#subscription, this.#closed.promise]);
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
    this.#closed.reject(new RedisUnreachableError("The connection to Redis was closed: open the cluster again."));
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
    for (const { tell } of [...this.#listeners]) {
      try {
        tell(change);
      } catch (error) {
        this.#onError(error);
      }
    }
  }
}
