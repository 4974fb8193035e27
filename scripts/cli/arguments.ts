import { plainText } from "@yonexus/protocol/operator";
import { isIdentifier, isMessageId, isRule, LIMITS, splitApplication } from "@yonexus/protocol/wire/basics";
import { UsageError } from "./cliError.ts";

/** @throws UsageError */
export function parseIdentifier(text: string): string {
  if (isIdentifier(text)) return text;
  throw new UsageError(
    `${quote(text)} is not an identifier: use 1 to 64 letters, digits, dots, underscores and hyphens, first a letter or digit.`,
  );
}

/** The beginning of a pairing's id, or an identifier. @throws UsageError */
export function parsePairing(text: string): string {
  if (isIdentifier(text)) return text;
  throw new UsageError(
    `${quote(text)} is neither the id of a pairing nor an identifier: use what \`yonexus pairings\` shows.`,
  );
}

/** For an argument that takes several identifiers. */
export function collectIdentifiers(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), parseIdentifier(text)];
}

/** @throws UsageError */
export function parseRule(text: string): string {
  if (isRule(text)) return text;
  throw new UsageError(
    `${quote(text)} is not a rule: use 1 to ${LIMITS.rule} characters without :: or control characters, not ending in a colon, not builtin.`,
  );
}

/** Whether the text is a message `rule::content`. @throws UsageError */
export function parseMessage(text: string): string {
  if (splitApplication(text) !== undefined) return text;
  throw new UsageError(
    `The message has no rule: write 'rule::content', the rule 1 to ${LIMITS.rule} characters and not builtin.`,
  );
}

/** For an argument that takes several dead letters, by the ids that the list of them shows. @throws UsageError */
export function collectLetterIds(text: string, before: readonly string[] | undefined): readonly string[] {
  if (/^\d{1,15}-\d{1,15}$/u.test(text)) return [...(before ?? []), text];
  throw new UsageError(`${quote(text)} is not a dead letter: use the ids that \`yonexus dead-letters list\` shows.`);
}

/** @throws UsageError */
export function parseMessageId(text: string): string {
  if (isMessageId(text)) return text;
  throw new UsageError(
    `${quote(text)} is not the id of a message: use 1 to ${LIMITS.messageId} letters, digits, underscores and hyphens.`,
  );
}

/** A parser of whole numbers for the option that `what` names. */
export function wholeNumber(what: string, min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,9}$/u.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new UsageError(`${quote(text)} is not ${what}: use a whole number from ${min} to ${max}.`);
  };
}

/** @throws UsageError */
export function parseWebSocketUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && (url.protocol === "ws:" || url.protocol === "wss:")) return text;
  throw new UsageError(`${quote(text)} is not the address of a node: write it like ws://127.0.0.1:8787.`);
}

/** Consumer groups end up in a Redis key: the characters of an identifier are enough for them. @throws UsageError */
export function parseGroup(text: string): string {
  if (isIdentifier(text)) return text;
  throw new UsageError(
    `${quote(text)} is not a group: use 1 to 64 letters, digits, dots, underscores and hyphens, first a letter or digit.`,
  );
}

function quote(text: string): string {
  const shown = plainText(text);
  return JSON.stringify(shown.length > 70 ? `${shown.slice(0, 70)}…` : shown);
}
