import { clearTrust } from "./clearing.ts";
import type { OperatorCommand } from "./operatorCommand.ts";

export const rePairClient: OperatorCommand = {
  name: "rePairClient",
  aliases: ["repair"],
  argument: { name: "identifier", description: "the follower", required: true },
  summary: "forget a follower's key and secret: it must pair again",
  run: (context, argument) =>
    clearTrust(context, argument, {
      command: "rePairClient",
      disallow: false,
      done: (identifier) => `${identifier} must pair again.`,
      next: () => "Next: it asks for a new code as soon as it connects.",
    }),
};
