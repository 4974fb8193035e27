import type { RedisConnection } from "./connection.ts";

/** A subscription to one channel. Pub/sub forgets what is sent while it is away: nothing durable may rest on it. */
export class Subscription {
  readonly #redis: RedisConnection;
  readonly #channel: string;
  readonly #listen: (channel: string, text: string) => void;
  readonly #onReady: () => void;

  private constructor(redis: RedisConnection, channel: string, listen: (channel: string, text: string) => void) {
    this.#redis = redis;
    this.#channel = channel;
    this.#listen = listen;
    this.#onReady = () => this.#resubscribe();
    redis.on("ready", this.#onReady);
  }

  /** Subscribes on a connection opened for `subscriber`; resolves when Redis confirmed. It lasts over reconnects. */
  static async open(redis: RedisConnection, channel: string, onText: (text: string) => void): Promise<Subscription> {
    const listen = (from: string, text: string): void => {
      if (from === channel) onText(text);
    };
    redis.on("message", listen);
    try {
      await redis.subscribe(channel);
    } catch (error) {
      redis.off("message", listen);
      throw error;
    }
    return new Subscription(redis, channel, listen);
  }

  /** After a reconnect. What goes wrong here shows as silence, as any message that was missed does. */
  #resubscribe(): void {
    this.#redis.subscribe(this.#channel).catch(() => undefined);
  }

  /** Stops listening at once. Redis is told and not waited for: it may have stopped answering. */
  close(): void {
    this.#redis.off("message", this.#listen).off("ready", this.#onReady);
    if (this.#redis.status === "ready") this.#redis.unsubscribe(this.#channel).catch(() => undefined);
  }
}
