import type { FollowerMessage, FollowerMessageOf, ParsedFrame } from "@yonexus/protocol/wire";

/** A follower's message under a rule. With an id it is answered, and stored once. */
export interface InboundMessage {
  readonly rule: string;
  readonly content: string;
  readonly id?: string;
  /** Of the frame that it came in: the answer repeats it. */
  readonly requestId?: string;
}

/** A message of a follower with acks. */
export function inboundMessage({ payload, requestId }: FollowerMessageOf<"message">): InboundMessage {
  const { id, rule, content } = payload;
  return { rule, content, id, ...(requestId === undefined ? {} : { requestId }) };
}

/** The message under a rule that the frame of a session is, if it is one. */
export function messageIn(frame: ParsedFrame<FollowerMessage>, acks: boolean): InboundMessage | undefined {
  if (frame.kind === "application") return { rule: frame.rule, content: frame.content };
  return frame.kind === "builtin" && frame.message.type === "message" && acks
    ? inboundMessage(frame.message)
    : undefined;
}
