/** An error that a person can act on. `code` is stable; the message says what to do next and holds no secret. */
export class RedisUrlError extends Error {
  readonly code = "REDIS_URL_INVALID";
}

/** The data in Redis belongs to another version of this key space. Nothing was written. */
export class SchemaMismatchError extends Error {
  readonly code = "SCHEMA_MISMATCH";
}

/** A value sealed with a master key that this process does not have, or that was tampered with or moved. */
export class UnsealError extends Error {
  readonly code = "UNSEAL_FAILED";
}

/** A script or record answered in a shape that this version does not know. */
export class RecordError extends Error {
  readonly code = "RECORD_INVALID";
}

/** Redis did not answer in time, or the connection was ended. Nothing was sent. */
export class RedisUnreachableError extends Error {
  readonly code = "REDIS_UNREACHABLE";
}

/** What was to be sent is no message, or is to be sent in a way that does not exist. Nothing was sent. */
export class InvalidMessageError extends Error {
  readonly code = "INVALID_MESSAGE";
}

/** The answer to a queued send was lost, or Redis failed half-way: the message may be in the follower's queue. The error is its cause. */
export class MaybeQueuedError extends Error {
  readonly code = "MAYBE_QUEUED";
  readonly messageId: string;

  constructor(messageId: string, cause: unknown) {
    super(
      `Redis did not answer, or failed while it queued the message: it may be queued or not. Send it again with the messageId ${messageId}: it is never queued twice.`,
      { cause },
    );
    this.messageId = messageId;
  }
}
