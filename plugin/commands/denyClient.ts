import { denialText } from "@yonexus/protocol/operator";
import { decidePairing } from "./decidePairing.ts";
import type { OperatorCommand } from "./operatorCommand.ts";

export const denyClient: OperatorCommand = {
  name: "denyClient",
  aliases: ["deny"],
  argument: {
    name: "id",
    description: "of listPairings, or the follower when one pairing of it waits",
    required: true,
  },
  summary: "refuse a waiting follower: it is told so, and stops asking",
  run: (context, argument) =>
    decidePairing(context, argument, {
      command: "denyClient",
      needsKey: false,
      decide: (registry, pairing) => registry.deny(pairing, context.surface),
      text: (outcome, pairing) => denialText(outcome, pairing, context.steps),
      done: ["denied"],
    }),
};
