import type { Finding, NextSteps } from "@yonexus/protocol/operator";
import { renderTable } from "@yonexus/protocol/operator";
import { PluginError } from "../core/errors.ts";
import { SURFACES, type Surface } from "../core/nextSteps.ts";
import type { PairingCode } from "../core/pairingCodes.ts";
import type { FollowerRegistry } from "../core/registry.ts";

/** What a command works with. */
export interface CommandContext {
  readonly surface: Surface;
  readonly steps: NextSteps;
  /** @throws PluginError `NOT_CONNECTED` and its like, with why. */
  readonly registry: () => Promise<FollowerRegistry>;
  readonly examine: () => Promise<readonly Finding[]>;
  /** The codes of this gateway's own cluster, on this machine's terminal alone; none in a chat, which is kept and read by agents. */
  readonly codes: () => readonly PairingCode[];
  /** Where the codes of pairings are told: on this gateway's own terminal, or to the admin of the cluster. */
  readonly codesAt: () => "terminal" | "admin";
}

export interface CommandReply {
  /** For people. */
  readonly text: string;
  /** For programs; instants are unix milliseconds. */
  readonly json: unknown;
  /** The answer is "no", or something is broken: the CLI ends with 1. */
  readonly failed?: true;
}

/** One command of the operator, the same in a chat and in a terminal. */
export interface OperatorCommand {
  readonly name: string;
  /** Other ways to write it, without case and hyphens. */
  readonly aliases: readonly string[];
  /** As usage lines have it: `<identifier>`. */
  readonly argument?: { readonly name: string; readonly description: string; readonly required: boolean };
  readonly summary: string;
  readonly run: (context: CommandContext, argument: string | undefined) => Promise<CommandReply>;
}

/** Text whose columns must stay aligned: a chat shows it so between fences. */
export function aligned(surface: Surface, text: string): string {
  return surface === "chat" ? `\`\`\`\n${text.replaceAll("```", "'''")}\n\`\`\`` : text;
}

export function table(surface: Surface, header: readonly string[], rows: readonly (readonly string[])[]): string {
  return aligned(surface, renderTable(header, rows));
}

/** How another command is typed where the reader is. */
export function typed(surface: Surface, command: string): string {
  return `\`${SURFACES[surface]} ${command}\``;
}

/** @throws PluginError `INVALID_PARAMETERS` with how it is meant. */
export function requireArgument(surface: Surface, command: string, argument: string | undefined): string {
  if (argument !== undefined && argument !== "") return argument;
  throw new PluginError(
    "INVALID_PARAMETERS",
    `Which follower? Write ${typed(surface, `${command} alpha`)}; ${typed(surface, "listClients")} names them.`,
  );
}

export function unknownFollower(surface: Surface, identifier: string): PluginError {
  return new PluginError(
    "UNKNOWN_FOLLOWER",
    `${identifier} is unknown, and nothing was changed: ${typed(surface, "listClients")} names those that are known, ${typed(surface, `allowClient ${identifier}`)} lets it in.`,
  );
}
