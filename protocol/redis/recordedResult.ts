import type { MessageRecord } from "./messageRecord.ts";
import type { SendOptions } from "./sendOptions.ts";
import type { SendResult } from "./sendResult.ts";

/**
 * What a sender reads from the record of its message. `queued` and `timeout` say that it is still on its way.
 * @param waitFor how far a queued message was to get: a follower that acks may not have done so when that is enough.
 */
export function recordedResult(record: MessageRecord, waitFor: SendOptions["waitFor"]): SendResult {
  const { messageId, node, reason = "" } = record;
  const seq = record.seq === undefined ? {} : { seq: record.seq };
  switch (record.state) {
    case "acked":
      return { result: "delivered", messageId, reached: "acked", node: node ?? "", ...seq };
    case "written":
      return record.delivery === "live" || record.settledAt !== undefined || waitFor === "written"
        ? { result: "delivered", messageId, reached: "written", node: node ?? "", ...seq }
        : { result: "queued", messageId, reached: "written", seq: record.seq ?? 0 };
    case "expired":
      return { result: "expired", messageId, reached: "expired" };
    case "rejected":
      return { result: "rejected", messageId, reached: "rejected", reason };
    case "offline":
    case "overflow":
      return { result: "offline", messageId, reached: "accepted", reason };
    case "overloaded":
      return { result: "overloaded", messageId, reached: "accepted", where: "follower" };
    case "accepted":
    case "queued":
    case "routed":
      return record.delivery === "queued"
        ? {
            result: "queued",
            messageId,
            reached: record.state === "routed" ? "routed" : "queued",
            seq: record.seq ?? 0,
          }
        : {
            result: "timeout",
            messageId,
            reached: node === undefined ? "accepted" : "routed",
            ...(node === undefined ? {} : { node }),
          };
  }
}
