import { randomBytes } from "node:crypto";
import { isIdentifier, LIMITS } from "../wire/basics.ts";

/** Base64url characters of 9 random bytes. */
const RANDOM_CHARACTERS = 12;

export interface NewMessageId {
  readonly messageId: string;
  /** The id does not name its follower: an index must. */
  readonly isOwnId: boolean;
}

/**
 * An id for a message to a follower. It names the follower where that fits, so that a record is found by the id alone:
 * the identifier with `-` as `--` and `.` as `-d`, an underscore, 12 random characters.
 */
export function newMessageId(identifier: string): NewMessageId {
  const name = identifier.replaceAll("-", "--").replaceAll(".", "-d");
  if (name.length + 1 + RANDOM_CHARACTERS > LIMITS.messageId) {
    return { messageId: randomBytes(16).toString("base64url"), isOwnId: true };
  }
  return { messageId: `${name}_${randomBytes(9).toString("base64url")}`, isOwnId: false };
}

const ESCAPED = /^(?:[^-]|--|-d)+$/u;

/** The follower that the id may name. Only a guess: an id of a sender's own can have the same form. */
export function namedIdentifier(messageId: string): string | undefined {
  const end = messageId.length - RANDOM_CHARACTERS - 1;
  if (end < 1 || messageId.charAt(end) !== "_") return undefined;
  const name = messageId.slice(0, end);
  if (!ESCAPED.test(name)) return undefined;
  const identifier = name.replace(/-[d-]/gu, (pair) => (pair === "--" ? "-" : "."));
  return isIdentifier(identifier) ? identifier : undefined;
}
