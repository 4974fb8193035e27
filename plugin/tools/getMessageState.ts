import Type from "typebox";
import type { HostTool } from "../core/host.ts";
import { forAgent } from "./followerWords.ts";
import { type Reach, readFrom } from "./reach.ts";
import { defineTool } from "./tool.ts";

export function getMessageState(reach: Reach): HostTool {
  return defineTool({
    name: "getMessageState",
    label: "State of a Yonexus message",
    description:
      "Says how far a queued message got, by the messageId that sendMessageToClient answered: queued, routed, written, acked, or how it ended otherwise (expired, rejected). Never what it says.",
    parameters: Type.Object(
      {
        messageId: Type.String({
          minLength: 1,
          maxLength: 64,
          description: "The id of the message: 1 to 64 characters.",
        }),
        identifier: Type.Optional(
          Type.String({
            minLength: 1,
            maxLength: 64,
            description:
              "The follower that it was sent to; needed only for an id of your own that several followers got.",
          }),
        ),
      },
      { additionalProperties: false },
    ),
    run: async ({ messageId, identifier }) => {
      const record = await readFrom(reach, (cluster) => cluster.getMessage(messageId, identifier));
      if (record === undefined) {
        return {
          text: `Nothing is known of ${messageId}: it was not queued, or it ended more than a day ago.`,
          outcome: { messageId, known: false },
        };
      }
      return { text: `${messageId} is ${record.state}.`, outcome: { known: true, ...forAgent(record) } };
    },
  });
}
