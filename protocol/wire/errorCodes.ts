/** What `error.code` can say. An error code answers a request; it does not end the connection (a close code does). */
export const ERROR_CODES = Object.freeze({
  MALFORMED_MESSAGE: { meaning: "The frame could not be read, or was not allowed at this point. It changed nothing." },
  UNSUPPORTED_PROTOCOL_VERSION: { meaning: "The node does not speak the version that the hello named." },
  IDENTIFIER_NOT_ALLOWED: { meaning: "The identifier is not in the allowlist." },
  PAIRING_REQUIRED: { meaning: "The follower has no trust yet and must be paired first." },
  PAIRING_EXPIRED: { meaning: "The pairing is over; a new hello opens another." },
  ADMIN_NOTIFICATION_FAILED: { meaning: "The code could not be given to the admin, so the pairing ended." },
  AUTH_FAILED: { meaning: "The request needs an authenticated session, or the proof was refused." },
  NONCE_COLLISION: { meaning: "The nonce of a valid proof was used before." },
  RATE_LIMITED: { meaning: "Too many requests; this one was refused." },
  RE_PAIR_REQUIRED: { meaning: "The trust was cleared; the follower must be paired again." },
  CLIENT_OFFLINE: { meaning: "The follower that the request names has no session." },
  UNKNOWN_RULE: { meaning: "Nobody holds the rule; the message was not accepted." },
  UNKNOWN_MESSAGE: { meaning: "No message with this id was queued for the follower; the ack changed nothing." },
  OVERLOADED: {
    meaning: "A queue is full or Redis is away; the message was not accepted and may be sent again later.",
  },
  INTERNAL_ERROR: { meaning: "The node failed; the request may be sent again later." },
} as const);

export type ErrorCode = keyof typeof ERROR_CODES;
