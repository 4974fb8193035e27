import { RecordError } from "./errors.ts";

/**
 * How far a message got.
 * `accepted`: its sender took it. `queued`: it is durable. `routed`: the follower's node was told. `written`: the follower's
 * socket took it. `acked`: the follower has it. `expired`, `rejected` (by the follower): a dead letter. `overflow`, `offline`,
 * `overloaded`: nothing of it was kept.
 */
export const MESSAGE_STATES = [
  "accepted",
  "queued",
  "routed",
  "written",
  "acked",
  "expired",
  "rejected",
  "overflow",
  "offline",
  "overloaded",
] as const;

export type MessageState = (typeof MESSAGE_STATES)[number];

/** What is known of a message to a follower. Instants are Redis time (ms). */
export interface MessageRecord {
  readonly messageId: string;
  readonly identifier: string;
  readonly delivery: "live" | "queued";
  readonly state: MessageState;
  /** Its place in the follower's queue. */
  readonly seq?: number;
  readonly acceptedAt: number;
  readonly expiresAt?: number;
  readonly routedAt?: number;
  readonly writtenAt?: number;
  /** When its state became the last one. */
  readonly settledAt?: number;
  /** How often it was written to a socket of the follower. */
  readonly tries: number;
  /** The node that it got to last. */
  readonly node?: string;
  readonly reason?: string;
  /** Of `rule::content`, in UTF-8. */
  readonly bytes: number;
}

/**
 * Reads a record as the scripts pack it: `<state> <delivery> <seq> <digest> <bytes> <acceptedAt> <expiresAt> <routedAt>
 * <writtenAt> <settledAt> <tries> <node or -> <reason>`. The delivery is `live`, `queued`, or `early`: queued, and due before
 * a message that was queued earlier. 0 stands for what is not there; the reason may hold any text.
 * @throws RecordError
 */
export function parseMessageRecord(identifier: string, messageId: string, packed: string): MessageRecord {
  const found = PACKED.exec(packed);
  if (found === null) throw new RecordError(`The record of a message to ${identifier} has an unknown form.`);
  const [, state, delivery, node, reason] = [found[0], found[1], found[2], found[12], found[13]];
  const numbers = found.slice(3, 12).map(Number);
  const [seq = 0, , bytes = 0, acceptedAt = 0, expiresAt = 0, routedAt = 0, writtenAt = 0, settledAt = 0, tries = 0] =
    numbers;
  return {
    messageId,
    identifier,
    delivery: delivery === "live" ? delivery : "queued",
    state: state as MessageState,
    ...(seq === 0 ? {} : { seq }),
    acceptedAt,
    ...(expiresAt === 0 ? {} : { expiresAt }),
    ...(routedAt === 0 ? {} : { routedAt }),
    ...(writtenAt === 0 ? {} : { writtenAt }),
    ...(settledAt === 0 ? {} : { settledAt }),
    tries,
    ...(node === undefined || node === "-" ? {} : { node }),
    ...(reason === undefined || reason === "" ? {} : { reason }),
    bytes,
  };
}

const PACKED = new RegExp(
  `^(${MESSAGE_STATES.join("|")}) (live|queued|early) (\\d+) (\\S+)${" (\\d+)".repeat(7)} (\\S+) (.*)$`,
  "su",
);
