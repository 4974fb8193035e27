import { createHash } from "node:crypto";
import { SEPARATOR, withSender } from "../wire/basics.ts";
import type { MessageSender } from "./messageSender.ts";
import type { InboundMessage, RuleHandler } from "./ruleConsumer.ts";
import type { SendOptions } from "./sendOptions.ts";
import type { SendResult } from "./sendResult.ts";

/** How an answer or a relayed message is sent. Its id is made from the message that it follows. */
export type FollowOnOptions = Omit<SendOptions, "messageId">;

/** A handler's answer, or a message that was to be relayed, could not be passed on. The message of the error says why. */
export class NotPassedOnError extends Error {
  readonly code = "NOT_PASSED_ON";
  readonly result: SendResult["result"];

  constructor(what: string, sent: SendResult) {
    super(`${what} was not passed on: ${"reason" in sent ? `${sent.result}, ${sent.reason}` : sent.result}`);
    this.result = sent.result;
  }
}

/**
 * Sends what a handler returned back to the follower that it answers, as `rule::value`.
 *
 * An answer for which there is no room now fails the try: the handler is run again later, and the message ends as a dead
 * letter that says so. A live answer to a follower that is gone is not worth that.
 * @param undelivered told of an answer that was not delivered (`timeout`: not for sure) and that nothing was kept of. The
 * handler is not run again for that.
 */
export function replyWith(
  sender: Pick<MessageSender, "sendMessageToClient">,
  options: FollowOnOptions,
  undelivered: (message: InboundMessage, sent: SendResult) => void,
): (message: InboundMessage, value: string) => Promise<void> {
  return async (message, value) => {
    const sent = await sender.sendMessageToClient(message.identifier, `${message.rule}${SEPARATOR}${value}`, {
      ...options,
      messageId: followOnId("re", message, message.identifier),
    });
    if (sent.result === "overflow" || sent.result === "overloaded") throw new NotPassedOnError("The answer", sent);
    if (!isOnItsWay(sent)) undelivered(message, sent);
  };
}

/**
 * A handler that passes a follower's message on to another one, which gets `rule::sender::content`. What cannot be passed on
 * is tried again like any failure, and ends as a dead letter that says why.
 *
 * @param to the receiver, or what finds it; undefined: the message is for nobody and counts as handled.
 */
export function relayTo(
  to: string | ((message: InboundMessage) => string | undefined | Promise<string | undefined>),
  sender: Pick<MessageSender, "sendMessageToClient">,
  options: FollowOnOptions = {},
): RuleHandler {
  return async (message) => {
    const receiver = typeof to === "string" ? to : await to(message);
    if (receiver === undefined) return;
    const frame = withSender(message.rule, message.identifier, message.content);
    const sent = await sender.sendMessageToClient(receiver, frame, {
      ...options,
      messageId: followOnId("fw", message, receiver),
    });
    if (!isOnItsWay(sent)) throw new NotPassedOnError("The message", sent);
  };
}

/** An id conflict says that an earlier run of the handler was quicker, with other words: those are on their way. */
function isOnItsWay({ result }: SendResult): boolean {
  return result === "delivered" || result === "queued" || result === "id_conflict";
}

/** The same for every run of a handler on the same message: what is queued twice under it is delivered once. */
function followOnId(prefix: "re" | "fw", { rule, id, identifier }: InboundMessage, receiver: string): string {
  const hash = createHash("sha256").update([rule, id, identifier, receiver].join("\n"));
  return `${prefix}_${hash.digest("base64url").slice(0, 22)}`;
}
