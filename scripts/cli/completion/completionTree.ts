import type { Argument, Command, Option } from "commander";

/** What may stand in a place of the command line. */
export type Completed =
  | { readonly kind: "identifier" | "file" | "folder" | "anything" }
  | { readonly kind: "choices"; readonly choices: readonly string[] };

interface CompletedOption {
  /** As they are typed: `--json`, `-h`. */
  readonly flags: readonly string[];
  readonly about: string;
  /** What follows it; undefined for one that stands alone. */
  readonly value?: Completed;
}

/** A command and what may follow it. */
export interface CompletedCommand {
  /** The words that lead to it, by spaces: `client show`. Empty for the program. */
  readonly place: string;
  readonly subcommands: readonly { readonly name: string; readonly about: string }[];
  readonly options: readonly CompletedOption[];
  /** In order; the last one is for all that follow when `repeats`. */
  readonly positions: readonly Completed[];
  readonly repeats: boolean;
}

/** Every command that help shows, the program first. */
export function readCompletionTree(program: Command): CompletedCommand[] {
  return readCommand(program, "");
}

function readCommand(command: Command, place: string): CompletedCommand[] {
  const help = command.createHelp();
  const children = help.visibleCommands(command);
  const own: CompletedCommand = {
    place,
    subcommands: children.map((child) => ({ name: child.name(), about: oneLine(child.description()) })),
    options: help.visibleOptions(command).map(readOption),
    positions: command.registeredArguments.map(readArgument),
    repeats: command.registeredArguments.at(-1)?.variadic === true,
  };
  return [
    own,
    ...children.flatMap((child) => readCommand(child, place === "" ? child.name() : `${place} ${child.name()}`)),
  ];
}

function readOption(option: Option): CompletedOption {
  const flags = [option.long, option.short].filter((flag) => typeof flag === "string");
  const takes = option.required || option.optional;
  const named = /[<[]([^>\].]+)/u.exec(option.flags)?.[1] ?? "";
  return {
    flags,
    about: oneLine(option.description),
    ...(takes ? { value: completedBy(named, option.argChoices) } : {}),
  };
}

function readArgument(argument: Argument): Completed {
  return completedBy(argument.name(), argument.argChoices);
}

/** By what the help calls a value. */
function completedBy(name: string, choices: readonly string[] | undefined): Completed {
  if (choices !== undefined) return { kind: "choices", choices };
  return name === "identifier" || name === "file" || name === "folder" ? { kind: name } : { kind: "anything" };
}

function oneLine(text: string): string {
  return text.replace(/\s+/gu, " ").trim();
}
