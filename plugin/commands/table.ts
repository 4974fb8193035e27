import { nearestName } from "@yonexus/protocol/config";
import { SURFACES, type Surface } from "../core/nextSteps.ts";
import { allowClient } from "./allowClient.ts";
import { approveClient } from "./approveClient.ts";
import { denyClient } from "./denyClient.ts";
import { doctor } from "./doctor.ts";
import { listClients } from "./listClients.ts";
import { listPairings } from "./listPairings.ts";
import type { OperatorCommand } from "./operatorCommand.ts";
import { rePairClient } from "./rePairClient.ts";
import { revokeClient } from "./revokeClient.ts";
import { showClient } from "./showClient.ts";

export const COMMANDS: readonly OperatorCommand[] = [
  listClients,
  showClient,
  listPairings,
  approveClient,
  denyClient,
  allowClient,
  rePairClient,
  revokeClient,
  doctor,
];

/** By its name or an alias, however it is written: `rePairClient`, `re-pair-client`, `repair`. */
export function findCommand(word: string): OperatorCommand | undefined {
  const wanted = comparable(word);
  return COMMANDS.find(({ name, aliases }) => [name, ...aliases].some((each) => comparable(each) === wanted));
}

/** The commands, each with what it does; for `/yonexus` alone, and `help`. */
export function usageText(surface: Surface): string {
  const lines = COMMANDS.map(({ name, argument, summary }) => {
    const shown = argument === undefined ? "" : argument.required ? ` <${argument.name}>` : ` [${argument.name}]`;
    return `${SURFACES[surface]} ${name}${shown} — ${summary}`;
  });
  return ["Followers of the Yonexus cluster:", ...lines].join("\n");
}

export function unknownCommandText(surface: Surface, word: string): string {
  const near = nearestName(
    word,
    COMMANDS.map(({ name }) => name),
  );
  const suggestion = near === undefined ? "" : ` Did you mean ${SURFACES[surface]} ${near}?`;
  return `There is no command ${JSON.stringify(word.slice(0, 40))}.${suggestion}\n\n${usageText(surface)}`;
}

function comparable(word: string): string {
  return word.replaceAll(/[-_]/gu, "").toLowerCase();
}
