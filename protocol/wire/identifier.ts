import { BUILTIN, LIMITS, SEPARATOR } from "./limits.ts";

/** JSON Schema pattern of an identifier. */
export const IDENTIFIER_PATTERN = `^[A-Za-z0-9][A-Za-z0-9._-]{0,${LIMITS.identifier - 1}}$`;

const identifierPattern = new RegExp(IDENTIFIER_PATTERN);

// Cc is exactly C0, DEL and C1. Under the `u` flag a surrogate pair is one character and only a lone half is a Cs.
const ruleCharacters = new RegExp(`^[^\\p{Cc}\\p{Cs}]{1,${LIMITS.rule}}$`, "u");

/** Whether the text names a follower: 1–64 of `A-Z a-z 0-9 . _ -`, the first one a letter or digit. */
export function isIdentifier(text: string): boolean {
  return identifierPattern.test(text);
}

/**
 * Whether the text can be a rule: 1–128 characters of well-formed Unicode, no control character, no `::`, not `builtin`.
 *
 * A rule may not end in `:` either. A frame is split at its first `::`, so what a handler of `a:` is sent (`a:` + `::` + `x`)
 * would be read as the rule `a` with the content `:x`, and reach somebody else. A `:` at the start or inside is harmless.
 */
export function isRule(text: string): boolean {
  return ruleCharacters.test(text) && !text.includes(SEPARATOR) && !text.endsWith(":") && text !== BUILTIN;
}
