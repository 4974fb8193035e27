import { followerReport } from "@yonexus/protocol/operator";
import { aligned, type OperatorCommand, requireArgument, unknownFollower } from "./operatorCommand.ts";

export const showClient: OperatorCommand = {
  name: "showClient",
  aliases: ["client", "show"],
  argument: { name: "identifier", description: "the follower", required: true },
  summary: "one follower: session, trust, pairings, and what happened last",
  run: async ({ surface, steps, registry }, argument) => {
    const identifier = requireArgument(surface, "showClient", argument);
    const found = await (await registry()).find(identifier);
    if (found === undefined) throw unknownFollower(surface, identifier);
    const { follower, pairings, audit, now } = found;
    return {
      text: aligned(surface, followerReport(follower, pairings, audit, now, steps)),
      json: { ...follower, pairings, audit },
    };
  },
};
