import { clearTrust } from "./clearing.ts";
import { type OperatorCommand, typed } from "./operatorCommand.ts";

export const revokeClient: OperatorCommand = {
  name: "revokeClient",
  aliases: ["revoke"],
  argument: { name: "identifier", description: "the follower", required: true },
  summary: "shut a follower out: its trust is forgotten, and it may not pair",
  run: (context, argument) =>
    clearTrust(context, argument, {
      command: "revokeClient",
      disallow: true,
      done: (identifier) => `${identifier} is out: it is allowed no longer, and its trust is forgotten.`,
      next: (identifier) =>
        `To let it in again: ${typed(context.surface, `allowClient ${identifier}`)}, then it pairs anew.`,
    }),
};
