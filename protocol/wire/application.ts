import { EncodeError } from "./encodeError.ts";
import { isIdentifier, isRule } from "./identifier.ts";
import { SEPARATOR } from "./limits.ts";

/** An application frame in two parts. The content is opaque: it may be empty and may itself contain `::`. */
export interface ApplicationFrame {
  readonly rule: string;
  readonly content: string;
}

/** Content as a handler is given it: who sent it, and what they sent. */
export interface SentContent {
  readonly identifier: string;
  readonly content: string;
}

/** Splits `rule::content` at the first `::`. Undefined when there is none or what stands before it is not a rule. */
export function splitApplication(text: string): ApplicationFrame | undefined {
  const end = text.indexOf(SEPARATOR);
  if (end <= 0) return undefined;
  const rule = text.slice(0, end);
  return isRule(rule) ? { rule, content: text.slice(end + SEPARATOR.length) } : undefined;
}

/** Splits `identifier::content`, what follows the rule in a frame that `withSender` made. */
export function splitSender(content: string): SentContent | undefined {
  const end = content.indexOf(SEPARATOR);
  if (end <= 0) return undefined;
  const identifier = content.slice(0, end);
  return isIdentifier(identifier) ? { identifier, content: content.slice(end + SEPARATOR.length) } : undefined;
}

/** The frame `rule::content`. Throws an `EncodeError` when the rule is not one. */
export function encodeApplication(rule: string, content: string): string {
  if (!isRule(rule)) throw new EncodeError("INVALID_RULE", "an application frame needs a rule that isRule accepts");
  return `${rule}${SEPARATOR}${content}`;
}

/**
 * A follower's frame as handlers see it, with the authenticated sender after the rule. Both parts were checked when the
 * frame was read and when the session was opened, so nothing is checked again here.
 */
export function withSender(rule: string, identifier: string, content: string): string {
  return `${rule}${SEPARATOR}${identifier}${SEPARATOR}${content}`;
}
