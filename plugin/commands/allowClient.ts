import { type OperatorCommand, requireArgument, typed } from "./operatorCommand.ts";

export const allowClient: OperatorCommand = {
  name: "allowClient",
  aliases: ["allow"],
  argument: { name: "identifier", description: "the follower", required: true },
  summary: "let a follower pair",
  run: async ({ surface, registry }, argument) => {
    const identifier = requireArgument(surface, "allowClient", argument);
    const changed = await (await registry()).allow(identifier);
    const next = changed
      ? `It asks for a code when it connects; see it with ${typed(surface, "listPairings")}.`
      : `See it with ${typed(surface, `showClient ${identifier}`)}.`;
    return {
      text: `${identifier} ${changed ? "may pair now" : "was allowed already"}. ${next}`,
      json: { identifier, changed },
    };
  },
};
