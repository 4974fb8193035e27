import { sendText } from "@yonexus/protocol/operator";
import { MaybeQueuedError, type SendOptions, type SendResult } from "@yonexus/protocol/redis";
import { isRule, SEPARATOR } from "@yonexus/protocol/wire/basics";
import Type from "typebox";
import { answerWithin } from "../core/answerWithin.ts";
import { PluginError } from "../core/errors.ts";
import type { HostTool } from "../core/host.ts";
import { TOOL_STEPS } from "../core/nextSteps.ts";
import { forAgent } from "./followerWords.ts";
import { ANSWER_TIMEOUT_MS, REACH_TIMEOUT_MS, type Reach } from "./reach.ts";
import { defineTool } from "./tool.ts";

const DAY_SECONDS = 86_400;
/** One that waits for its message to get there answers within this (ms). */
const WAIT_TIMEOUT_MS = 5_000;

export function sendMessageToClient(reach: Reach): HostTool {
  return defineTool({
    name: "sendMessageToClient",
    label: "Send to a Yonexus follower",
    description:
      "Sends a message to a Yonexus follower: another OpenClaw gateway or program that is connected to this network. Says what became of it: delivered, queued, offline, and so on. Only `delivered` means that it got there; `queued` means that it is kept until the follower has it. Never send secrets, tokens or pairing codes.",
    parameters: Type.Object(
      {
        identifier: Type.String({
          minLength: 1,
          maxLength: 64,
          description: "The follower's identifier, as listClientStatus names it: 1 to 64 characters.",
        }),
        rule: Type.String({
          minLength: 1,
          maxLength: 128,
          description:
            "What kind of message it is, by a word that the follower's program knows, for example `chat`: 1 to 128 characters without `::`.",
        }),
        content: Type.String({ description: "The text of the message." }),
        delivery: Type.Optional(
          Type.Enum(["live", "queued"], {
            description:
              "`live` (the default): now, or not at all when the follower is offline. `queued`: kept in order until the follower has it.",
          }),
        ),
        ttlSeconds: Type.Optional(
          Type.Integer({
            minimum: 1,
            maximum: 365 * DAY_SECONDS,
            description:
              "With `queued`: how long it is kept, a whole number of seconds from 1 to a year. A day unless given.",
          }),
        ),
        messageId: Type.Optional(
          Type.String({
            minLength: 1,
            maxLength: 64,
            description:
              "An id of your own, 1 to 64 of A-Z a-z 0-9 _ -, so that sending the same queued message again cannot deliver it twice.",
          }),
        ),
        waitFor: Type.Optional(
          Type.Enum(["queued", "written", "acked"], {
            description:
              "With `queued`: wait up to 5 s in all until it is `written` to the follower's connection, or `acked` by it.",
          }),
        ),
      },
      { additionalProperties: false },
    ),
    run: async ({ identifier, rule, content, delivery, ttlSeconds, messageId, waitFor }) => {
      if (!isRule(rule)) {
        throw new PluginError(
          "INVALID_PARAMETERS",
          `${JSON.stringify(rule)} is no rule: 1 to 128 characters without \`::\` or control characters, not ending in a colon, not \`builtin\`.`,
        );
      }
      const waits = waitFor === "written" || waitFor === "acked";
      const limitMs = waits ? WAIT_TIMEOUT_MS : ANSWER_TIMEOUT_MS;
      const began = performance.now();
      let named = messageId ?? "";
      const options: SendOptions = {
        onNamed: (id) => {
          named = id;
        },
        // A record, so that the agent can ask later what became of it.
        ...(delivery === "queued" ? {} : { record: true }),
        ...(delivery === undefined ? {} : { delivery }),
        ...(messageId === undefined ? {} : { messageId }),
        ...(ttlSeconds === undefined ? {} : { ttlMs: ttlSeconds * 1000 }),
        ...(waitFor === undefined ? {} : { waitFor }),
      };
      const cluster = await reach(REACH_TIMEOUT_MS);
      const timeoutMs = Math.max(0, limitMs - (performance.now() - began));
      const sent = await answerWithin<SendResult>(
        timeoutMs,
        cluster.sendMessageToClient(identifier, `${rule}${SEPARATOR}${content}`, { ...options, timeoutMs }),
        () => {
          if (delivery === "queued") throw new MaybeQueuedError(named, undefined);
          return { result: "timeout", messageId: named, reached: "accepted" };
        },
      );
      return { text: sendText(identifier, sent, TOOL_STEPS), outcome: forAgent(sent) };
    },
  });
}
