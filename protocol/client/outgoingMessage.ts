import { randomBytes } from "node:crypto";
import { encodeApplication, encodeFollowerMessage } from "../wire/index.ts";

/** A message to send, with the builtin frame that holds it. */
export interface OutgoingMessage {
  readonly id: string;
  readonly rule: string;
  readonly content: string;
  readonly frame: string;
  /** Length of the frame in UTF-8. */
  readonly bytes: number;
}

/**
 * Makes a message, with an id that nobody else makes up when none is given.
 *
 * @throws {EncodeError} when the rule or the id is not one, or the content is not well-formed Unicode.
 */
export function outgoingMessage(rule: string, content: string, id = newMessageId()): OutgoingMessage {
  // First the application frame: it has its own error for a wrong rule, whatever the session can do.
  encodeApplication(rule, content);
  const frame = encodeFollowerMessage({ type: "message", payload: { id, rule, content } });
  return { id, rule, content, frame, bytes: Buffer.byteLength(frame) };
}

/** 22 random characters. */
function newMessageId(): string {
  return randomBytes(16).toString("base64url");
}
