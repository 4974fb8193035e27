import type { RedisConnection } from "./connection.ts";
import type { Keys } from "./keys.ts";
import { runScript } from "./scripts.ts";

/**
 * Whose message an id is, where the id does not say. Each entry is in a slot of its own: it is written before the message is
 * stored, and taken out again when it was not.
 */
export class MessageIndex {
  readonly #redis: RedisConnection;
  readonly #keys: Keys;

  constructor(redis: RedisConnection, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** Answers until when the entry is kept (Redis time, ms), which no other note has; undefined when another follower has the id. */
  async note(messageId: string, identifier: string, keepMs: number): Promise<number | undefined> {
    const reply = await runScript(this.#redis, "indexMessage", this.#key(messageId), [identifier, keepMs]);
    return reply.outcome("indexed", "taken") === "indexed" ? reply.number(1) : undefined;
  }

  /** Nothing was stored after a note: the entry goes, unless it was noted again. What cannot be taken out expires. */
  async forget(messageId: string, identifier: string, keptUntil: number): Promise<void> {
    await runScript(this.#redis, "unindexMessage", this.#key(messageId), [identifier, keptUntil]).catch(() => {});
  }

  async find(messageId: string): Promise<string | undefined> {
    return (await this.#redis.get(this.#keys.messageIndex(messageId))) ?? undefined;
  }

  #key(messageId: string): readonly string[] {
    return [this.#keys.messageIndex(messageId)];
  }
}
