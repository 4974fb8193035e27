import Type from "typebox";
import { decodeBase64Strict } from "../base64.ts";
import { IDENTIFIER_PATTERN, isRule } from "../identifier.ts";
import { LIMITS } from "../limits.ts";
import { MESSAGE_ID_PATTERN } from "../messageId.ts";
import { NONCE_PATTERN } from "../proof.ts";
import { isUsablePublicKey } from "../publicKey.ts";

/** Text that can stand in a log line or be sent back: well-formed Unicode without control characters. */
function line(longest: number) {
  return Type.String({
    pattern: `^[^\\p{Cc}\\p{Cs}]{1,${longest}}$`,
    description: `text of 1 to ${longest} characters without control characters`,
  });
}

/** A sentence for a person. */
function freeText(longest: number) {
  return Type.String({ maxLength: longest, description: `text of at most ${longest} characters` });
}

/** One of a fixed list of words. */
export function oneOf<const Words extends readonly string[]>(words: Words) {
  return Type.Enum<[...Words]>([...words], { description: `one of ${words.join(", ")}` });
}

/** Exactly one word. */
export function exactly<const Word extends string>(word: Word) {
  return Type.Literal(word, { description: `the text ${word}` });
}

export const Identifier = Type.String({
  pattern: IDENTIFIER_PATTERN,
  description: `1 to ${LIMITS.identifier} characters of A-Z a-z 0-9 . _ - with a letter or digit first`,
});

export const RequestId = line(LIMITS.requestId);

export const UnixSeconds = Type.Integer({
  minimum: 0,
  maximum: LIMITS.unixSeconds,
  description: "a whole number of UTC unix seconds",
});

export const DurationSeconds = Type.Integer({
  minimum: 0,
  maximum: LIMITS.durationSeconds,
  description: "a whole number of seconds",
});

export const Flag = Type.Boolean({ description: "true or false" });

// 32 bytes leave two bits of the last character unused; only the 16 characters with both at zero are canonical.
const base64Of32Bytes = Type.String({
  pattern: "^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$",
  description: "the padded standard base64 of the 32 raw bytes of an Ed25519 public key that is not of small order",
});

// A key that no proof could ever hold under is refused here, before an admin is asked to trust it.
export const PublicKey = Type.Refine(base64Of32Bytes, (text) => {
  const raw = decodeBase64Strict(text, LIMITS.publicKeyBytes);
  return raw !== undefined && isUsablePublicKey(raw);
});

export const Nonce = Type.String({
  pattern: NONCE_PATTERN,
  description: `exactly ${LIMITS.nonce} characters of A-Z a-z 0-9 _ -`,
});

// Looser than a good signature on purpose: a corrupted one is answered `invalid_signature`, not as a broken frame.
export const Signature = line(LIMITS.signatureText);

export const Secret = line(LIMITS.secret);

// Looser than a good code for the same reason: a mistyped one is an `invalid_code`.
export const PairingCode = line(LIMITS.pairingCode);

export const ProtocolVersion = line(LIMITS.protocolVersion);

export const MessageId = Type.String({
  pattern: MESSAGE_ID_PATTERN,
  description: `1 to ${LIMITS.messageId} characters of A-Z a-z 0-9 _ -`,
});

export const Rule = Type.Refine(
  Type.String({
    description: `a rule: 1 to ${LIMITS.rule} characters, no control character, no ::, no : at the end, not builtin`,
  }),
  isRule,
);

/**
 * What a message carries: opaque, possibly empty, bounded by the frame alone. JSON can spell half a surrogate pair, which no
 * UTF-8 text can hold: it would arrive as another text than was sent.
 */
export const Content = Type.Refine(Type.String({ description: "well-formed Unicode text" }), (text) =>
  text.isWellFormed(),
);

/** The place of a message in its follower's queue, from 1 on. */
export const Sequence = Type.Integer({
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
  description: `a whole number from 1 to ${Number.MAX_SAFE_INTEGER}`,
});

/** Texts that this version does not know are let through: they are asked for of a later one. */
export const CapabilityNames = Type.Array(line(LIMITS.capability), {
  maxItems: LIMITS.capabilities,
  description: `a list of at most ${LIMITS.capabilities} names of up to ${LIMITS.capability} characters`,
});

export const Reason = freeText(LIMITS.reason);

export const ErrorMessage = freeText(LIMITS.errorMessage);

export const Details = Type.Record(Type.String(), Type.Unknown(), { description: "a JSON object" });
