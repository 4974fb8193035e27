import type { RedisConnection } from "./connection.ts";

/** A subscription to one channel. Pub/sub forgets what is sent while it is away: nothing durable may rest on it. */
export class Subscription {
  readonly #redis: RedisConnection;
  readonly #channel: string;
  readonly #listen: (channel: string, text: string) => void;

  private constructor(redis: RedisConnection, channel: string, listen: (channel: string, text: string) => void) {
    this.#redis = redis;
    this.#channel = channel;
    this.#listen = listen;
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

  /** Stops listening at once. Redis is told and not waited for: it may have stopped answering. */
  close(): void {
    this.#redis.off("message", this.#listen);
    if (this.#redis.status === "ready") this.#redis.unsubscribe(this.#channel).catch(() => undefined);
  }
}
