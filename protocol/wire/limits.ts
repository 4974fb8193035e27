/** The one value of `hello.protocolVersion` that this version of the protocol accepts. */
export const PROTOCOL_VERSION = "1";

/** The word before the first `::` of every frame that is not an application frame. It can never be a rule. */
export const BUILTIN = "builtin";

/** What parts a frame's kind (or rule) from the rest. Frames are split at its first occurrence. */
export const SEPARATOR = "::";

/**
 * How far `proofTimestamp` may lie from the shared clock, in seconds, on either side. Exclusive: a proof that is exactly
 * this old is stale.
 */
export const PROOF_WINDOW_SECONDS = 10;

/**
 * The longest thing of each kind that the wire carries. Text lengths are counted in characters (Unicode code points), as
 * other languages count them; everything but rules and free text is ASCII, where the two are the same.
 */
export const LIMITS = Object.freeze({
  /** Characters of an identifier. */
  identifier: 64,
  /** Characters of a rule. */
  rule: 128,
  /** Characters of a nonce: exactly this many. */
  nonce: 24,
  /** Default for the bytes of one frame; a node closes a connection that sends a longer one. */
  frameBytes: 65_536,
  /** Bytes of a raw Ed25519 public key. */
  publicKeyBytes: 32,
  /** Bytes of an Ed25519 signature. */
  signatureBytes: 64,
  /** Characters of a public key: the base64 of 32 bytes, exactly this many. */
  publicKeyText: 44,
  /** Characters of a proof's signature. A good one has 88; a longer wrong one is answered as a wrong signature up to here. */
  signatureText: 128,
  /** Characters of the shared secret. */
  secret: 256,
  /** Characters of a pairing code as a person may type it, with spaces and hyphens. */
  pairingCode: 64,
  /** Characters of a message's id. */
  messageId: 64,
  /** Capabilities that a hello may name, so that those of later versions can be asked for too. */
  capabilities: 16,
  /** Characters of a capability's name. */
  capability: 32,
  /** Messages with an id that a follower may have sent without an answer; after a reconnect it sends those again, first. */
  unansweredMessages: 64,
  /** Characters of `requestId`. */
  requestId: 128,
  /** Characters of `hello.protocolVersion`, so that a version that is not known can still be answered as such. */
  protocolVersion: 32,
  /** Characters of `reason` where it is free text. */
  reason: 256,
  /** Characters of `error.message`. */
  errorMessage: 1024,
  /** The greatest instant, in unix seconds: the last one a JavaScript `Date` can hold. */
  unixSeconds: 8_640_000_000_000,
  /** The greatest duration, in seconds: one year. */
  durationSeconds: 31_536_000,
});
