import { RecordError, type RuleStore, type SessionStore } from "@yonexus/protocol/redis";
import type { ConnectionEvent } from "../session/event.ts";
import type { InboundMessage } from "../session/inboundMessage.ts";

export interface ApplicationServices {
  readonly sessions: Pick<SessionStore, "check">;
  readonly rules: Pick<RuleStore, "append">;
  /** Messages that may wait in one rule's inbox. */
  readonly ruleBacklog: number;
}

/** Less than the time after which a command counts as unanswered: what is given up is not stored afterwards. */
const STORE_WITHIN_MS = 2_000;

/** The message was on its way to the rule's inbox when Redis stopped answering: it may be there. */
export class UnansweredAppendError extends Error {
  readonly code = "UNANSWERED_APPEND";
}

/**
 * Passes a follower's message to the inbox of its rule: the epoch is checked in the follower's slot, the message stored in
 * the rule's. A session that lost its epoch in between had it when it sent the message.
 */
export async function dispatch(
  services: ApplicationServices,
  identifier: string,
  epoch: number,
  message: InboundMessage,
): Promise<ConnectionEvent> {
  const { rule, content, id } = message;
  const checked = await services.sessions.check(identifier, epoch);
  if (checked.outcome === "stale") return { type: "dispatched", outcome: "stale", message };
  let inboxId: string | undefined;
  const options = {
    onStored: (stored: string) => {
      inboxId = stored;
    },
    maxBacklog: services.ruleBacklog,
    notAfter: checked.now + STORE_WITHIN_MS,
    ...(id === undefined ? {} : { messageId: id }),
  };
  const outcome = await services.rules.append(rule, identifier, content, options).catch((cause: unknown) => {
    if (cause instanceof RecordError) throw cause;
    throw new UnansweredAppendError("Redis did not answer an append.", { cause });
  });
  const stored = inboxId === undefined ? {} : { inboxId };
  return { type: "dispatched", outcome: outcome === "late" ? "overloaded" : outcome, message, ...stored };
}
