import { approvalText } from "@yonexus/protocol/operator";
import { decidePairing } from "./decidePairing.ts";
import type { OperatorCommand } from "./operatorCommand.ts";

export const approveClient: OperatorCommand = {
  name: "approveClient",
  aliases: ["approve"],
  argument: {
    name: "id",
    description: "of listPairings: it means that key alone",
    required: true,
  },
  summary: "let a waiting follower in without its code: compare the fingerprint first",
  run: (context, argument) =>
    decidePairing(context, argument, {
      command: "approveClient",
      needsKey: true,
      decide: (registry, pairing) => registry.approve(pairing, context.surface),
      text: (outcome, pairing) => approvalText(outcome, pairing, context.steps),
      done: ["approved", "already"],
    }),
};
