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
