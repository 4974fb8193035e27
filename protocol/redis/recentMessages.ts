import type { RedisConnection } from "./connection.ts";
import type { Keys } from "./keys.ts";
import { type MessageRecord, parseMessageRecord } from "./messageRecord.ts";
import { runScript } from "./scripts.ts";

/**
 * The newest messages to a follower of which there is a record, the one that changed last first. Live messages have a record
 * only when their sender wanted one.
 */
export async function recentMessages(
  redis: RedisConnection,
  keys: Keys,
  identifier: string,
  limit: number,
): Promise<MessageRecord[]> {
  const own = keys.follower(identifier);
  const reply = await runScript(redis, "recentMessages", [own.messages, own.queue, own.settled], [limit]);
  reply.outcome("found");
  const texts = reply.texts(1);
  const found = new Map<string, MessageRecord>();
  for (let place = 0; place + 1 < texts.length; place += 2) {
    const messageId = texts[place] ?? "";
    found.set(messageId, parseMessageRecord(identifier, messageId, texts[place + 1] ?? ""));
  }
  return [...found.values()].sort((one, other) => messageChangedAt(other) - messageChangedAt(one)).slice(0, limit);
}

/** When a message got as far as it is (Redis time, ms). */
export function messageChangedAt({ acceptedAt, routedAt = 0, writtenAt = 0, settledAt = 0 }: MessageRecord): number {
  return Math.max(acceptedAt, routedAt, writtenAt, settledAt);
}
