import { LIMITS } from "./limits.ts";

/** JSON Schema pattern of a message id. */
export const MESSAGE_ID_PATTERN = `^[A-Za-z0-9_-]{1,${LIMITS.messageId}}$`;

const messageIdPattern = new RegExp(MESSAGE_ID_PATTERN);

/** Whether the text names a message: 1–64 of `A-Z a-z 0-9 _ -`. */
export function isMessageId(text: string): boolean {
  return messageIdPattern.test(text);
}
