import { isIdentifier, isMessageId, LIMITS, SEPARATOR, splitApplication } from "../wire/basics.ts";
import { InvalidMessageError } from "./errors.ts";

export interface SendOptions {
  /**
   * `live` (unless given): to the session that the follower has now, or not at all. `queued`: kept until the follower has
   * it or its time is over, in the order in which messages were queued.
   */
  readonly delivery?: "live" | "queued";
  /**
   * An id of the sender's own: 1 to 64 of `A-Z a-z 0-9 _ -`. What is queued or recorded again under the same id, for the same
   * follower and with the same text, is not sent a second time.
   */
  readonly messageId?: string;
  /** Of a queued message: how long it waits for its follower (ms), 1 to a year. */
  readonly ttlMs?: number;
  /** Of a queued message: how far it shall get before the send ends, within its timeout. `queued` unless given. */
  readonly waitFor?: "queued" | "written" | "acked";
  /** How long to wait in all (ms): for Redis, while it is away, and then for what is waited for. 5,000 unless given. */
  readonly timeoutMs?: number;
  /** Told the message's id before it is sent: when no answer comes, there is one to ask for. */
  readonly onNamed?: (messageId: string) => void;
  /** Of a live message: keep a record, so that `getMessage` finds it later. Of queued ones there always is one. */
  readonly record?: boolean;
}

const MAX_TTL_MS = LIMITS.durationSeconds * 1000;
/** The longest time that a timer can wait. */
const MAX_TIMEOUT_MS = 2_147_483_647;
const DELIVERIES: readonly unknown[] = [undefined, "live", "queued"];
const WAITS: readonly unknown[] = [undefined, "queued", "written", "acked"];

/** Each UTF-16 unit has at most this many bytes in a frame, and in the JSON of a builtin frame. */
const FRAME_BYTES_PER_UNIT = 3;
const JSON_BYTES_PER_UNIT = 6;
/** What a builtin `message` frame has beside rule and content, at most. */
const ENVELOPE_BYTES = 256;

/** @throws InvalidMessageError when there is nothing that could be sent so. */
export function checkSend(identifier: string, message: string, options: SendOptions, maxFrameBytes: number): void {
  checkIdentifier(identifier);
  if (typeof message !== "string" || splitApplication(message) === undefined) {
    throw new InvalidMessageError(
      "The message has no rule: write rule::content, the rule 1 to 128 characters and not `builtin`.",
    );
  }
  checkOptions(options);
  checkSize(message, options.delivery === "queued", maxFrameBytes);
}

/** @throws InvalidMessageError */
export function checkIdentifier(identifier: string): void {
  if (typeof identifier === "string" && isIdentifier(identifier)) return;
  throw new InvalidMessageError(
    "The identifier is not one: 1 to 64 letters, digits, dots, underscores and hyphens, first a letter or digit.",
  );
}

/** @throws InvalidMessageError */
export function checkMessageId(messageId: string): void {
  if (typeof messageId === "string" && isMessageId(messageId)) return;
  throw new InvalidMessageError("The messageId is not one: 1 to 64 letters, digits, underscores and hyphens.");
}

function checkOptions({ delivery, messageId, ttlMs, waitFor, timeoutMs }: SendOptions): void {
  if (messageId !== undefined) checkMessageId(messageId);
  if (!DELIVERIES.includes(delivery)) throw new InvalidMessageError("The delivery is `live` or `queued`.");
  if (timeoutMs !== undefined && !(timeoutMs >= 0 && timeoutMs <= MAX_TIMEOUT_MS)) {
    throw new InvalidMessageError(`The timeoutMs is a number of milliseconds from 0 to ${MAX_TIMEOUT_MS}.`);
  }
  if (!WAITS.includes(waitFor)) throw new InvalidMessageError("The waitFor is `queued`, `written` or `acked`.");
  if (ttlMs !== undefined && !(Number.isInteger(ttlMs) && ttlMs >= 1 && ttlMs <= MAX_TTL_MS)) {
    throw new InvalidMessageError(`The ttlMs is a whole number of milliseconds from 1 to ${MAX_TTL_MS}, a year.`);
  }
  if (delivery !== "queued" && (ttlMs !== undefined || waitFor !== undefined)) {
    throw new InvalidMessageError("Only queued messages have ttlMs and waitFor: send it with the delivery `queued`.");
  }
}

/** A queued message goes out in one of two forms, as the follower understands it, so both must fit. */
function checkSize(message: string, isQueued: boolean, maxFrameBytes: number): void {
  const perUnit = isQueued ? JSON_BYTES_PER_UNIT : FRAME_BYTES_PER_UNIT;
  if (message.length * perUnit + (isQueued ? ENVELOPE_BYTES : 0) <= maxFrameBytes) return;
  const plainBytes = Buffer.byteLength(message, "utf8");
  const bytes = isQueued ? Math.max(plainBytes, builtinBytes(message)) : plainBytes;
  if (bytes <= maxFrameBytes) return;
  throw new InvalidMessageError(
    bytes === plainBytes
      ? `The message has ${bytes} bytes: a frame may have ${maxFrameBytes}. Split it.`
      : `The message has ${bytes} bytes as it is queued, in JSON: a frame may have ${maxFrameBytes}. Split it.`,
  );
}

function builtinBytes(message: string): number {
  const end = message.indexOf(SEPARATOR);
  const parts = [message.slice(0, end), message.slice(end + SEPARATOR.length)];
  return parts.reduce((bytes, part) => bytes + Buffer.byteLength(JSON.stringify(part), "utf8"), ENVELOPE_BYTES);
}
