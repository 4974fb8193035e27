import { explainFailure } from "../core/failure.ts";
import type { HostCommand } from "../core/host.ts";
import { COMMAND } from "../core/identity.ts";
import { operatorSteps, SURFACES } from "../core/nextSteps.ts";
import type { CommandContext } from "./operatorCommand.ts";
import { findCommand, unknownCommandText, usageText } from "./table.ts";

/** The operator's commands in a chat: `/yonexus listClients`. Only for the gateway's owner. */
export function slashCommand(parts: Pick<CommandContext, "registry" | "examine" | "codesAt">): HostCommand {
  return {
    name: COMMAND,
    description: "Followers of the Yonexus cluster: list, show, pair, revoke, doctor",
    acceptsArgs: true,
    requireAuth: true,
    // A client of the gateway needs the scope; in a chat it takes one of the gateway's owners.
    requiredScopes: ["operator.admin"],
    handler: async ({ args = "", isAuthorizedSender }) => {
      if (!isAuthorizedSender) return { text: "Only the operator of this gateway may do that." };
      const [word = "help", argument, ...rest] = args
        .trim()
        .split(/\s+/u)
        .filter((part) => part !== "");
      if (word.toLowerCase() === "help") return { text: usageText("chat") };
      const command = findCommand(word);
      if (command === undefined) return { text: unknownCommandText("chat", word) };
      if (rest.length > 0 || (argument !== undefined && command.argument === undefined)) {
        return {
          text: `${command.name} takes ${command.argument === undefined ? "nothing more" : `one ${command.argument.name}`}.\n\n${usageText("chat")}`,
        };
      }
      try {
        const reply = await command.run(
          { ...parts, surface: "chat", steps: operatorSteps(SURFACES.chat), codes: () => [] },
          argument,
        );
        return { text: reply.text };
      } catch (error) {
        return { text: explainFailure(error).message };
      }
    },
  };
}
