import type { MessageQueue } from "@yonexus/protocol/redis";

/** What a session uses of the queues. */
type Queue = Pick<MessageQueue, "read" | "settle" | "reject" | "forgetGaps">;

/** Hears what became of queued messages. */
export interface QueueMeter {
  settled(how: "acked" | "sent" | "rejected", ackMs: number): void;
  settledStale(): void;
  gapsRead(count: number): void;
}

/** The same queue, of which a meter hears how it went. */
export function meteredQueue(queue: Queue, meter: QueueMeter): Queue {
  return {
    async read(...args) {
      const found = await queue.read(...args);
      if (found.gaps.length > 0) meter.gapsRead(found.gaps.length);
      return found;
    },
    async settle(settlement) {
      const outcome = await queue.settle(settlement);
      if (outcome === "stale") meter.settledStale();
      else if (outcome === "settled" && settlement.outcome !== "written") {
        meter.settled(settlement.outcome, settlement.writtenAgoMs);
      }
      return outcome;
    },
    async reject(rejection) {
      const outcome = await queue.reject(rejection);
      if (outcome === "stale") meter.settledStale();
      else if (outcome === "settled") meter.settled("rejected", rejection.writtenAgoMs);
      return outcome;
    },
    forgetGaps: (...args) => queue.forgetGaps(...args),
  };
}
