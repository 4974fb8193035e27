import { Check } from "typebox/value";
import { splitApplication } from "./application.ts";
import { followerEnvelope, nodeEnvelope } from "./codec.ts";
import { type Envelope, isRecord } from "./envelope.ts";
import { BUILTIN, LIMITS, SEPARATOR } from "./limits.ts";
import { RequestId } from "./messages/fields.ts";
import type { FollowerMessage, NodeMessage } from "./messages.ts";

/**
 * One text frame, read. `malformed.reason` is a sentence for a person that names what to mend; it never repeats what was
 * received, since that could be a secret. `malformed.requestId` is there when the frame had a valid one to answer to.
 */
export type ParsedFrame<Message> =
  | { readonly kind: "builtin"; readonly message: Message }
  | { readonly kind: "application"; readonly rule: string; readonly content: string }
  | MalformedFrame;

export interface MalformedFrame {
  readonly kind: "malformed";
  readonly reason: string;
  readonly requestId?: string;
}

const BUILTIN_PREFIX = `${BUILTIN}${SEPARATOR}`;

/** Reads a frame that a follower sent. Never throws; takes time linear in the length of the text. */
export function parseFollowerFrame(text: string): ParsedFrame<FollowerMessage> {
  return text.startsWith(BUILTIN_PREFIX) ? parseBuiltin(text, followerEnvelope) : parseApplication(text);
}

/** Reads a frame that a node sent. Never throws; takes time linear in the length of the text. */
export function parseNodeFrame(text: string): ParsedFrame<NodeMessage> {
  return text.startsWith(BUILTIN_PREFIX) ? parseBuiltin(text, nodeEnvelope) : parseApplication(text);
}

function parseApplication(text: string): ParsedFrame<never> {
  const frame = splitApplication(text);
  if (frame !== undefined) return { kind: "application", rule: frame.rule, content: frame.content };
  return text.includes(SEPARATOR)
    ? malformed(
        `what stands before the first ${SEPARATOR} must be ${BUILTIN} or a rule: 1 to ${LIMITS.rule} characters, no control character, no : at the end`,
      )
    : malformed(`the frame has no ${SEPARATOR}; send ${BUILTIN_PREFIX}{json} or rule${SEPARATOR}content`);
}

function parseBuiltin<Message>(text: string, envelope: Envelope<Message>): ParsedFrame<Message> {
  const json = parseJson(text.slice(BUILTIN_PREFIX.length));
  if (!isRecord(json)) return malformed(`what follows ${BUILTIN_PREFIX} must be one JSON object`);
  const picked = Object.hasOwn(json, "type") ? envelope.pick(json) : undefined;
  if (picked === undefined) return malformed("type must name a message that this side sends", requestIdOf(json));
  if (!envelope.accepts(picked)) return malformed(envelope.explain(picked), requestIdOf(json));
  return { kind: "builtin", message: picked };
}

function requestIdOf(json: Readonly<Record<string, unknown>>): string | undefined {
  const requestId = Object.hasOwn(json, "requestId") ? json.requestId : undefined;
  return Check(RequestId, requestId) ? requestId : undefined;
}

/** The value, or undefined (which JSON cannot say). The engine's own message is dropped: it quotes the text. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function malformed(reason: string, requestId?: string): MalformedFrame {
  return requestId === undefined ? { kind: "malformed", reason } : { kind: "malformed", reason, requestId };
}
