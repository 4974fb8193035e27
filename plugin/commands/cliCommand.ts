import { explainFailure } from "../core/failure.ts";
import type { CliProgram } from "../core/host.ts";
import { COMMAND } from "../core/identity.ts";
import { operatorSteps, SURFACES } from "../core/nextSteps.ts";
import type { CommandContext } from "./operatorCommand.ts";
import { COMMANDS } from "./table.ts";

/** What the terminal's commands work with, for one call: connections that end with it. */
export interface CliAccess extends Pick<CommandContext, "registry" | "examine" | "codes" | "codesAt"> {
  readonly close: () => Promise<void>;
}

/** Adds `openclaw yonexus …`. @param open reads the configuration and connects no sooner than it must. */
export function addCliCommands(program: CliProgram, open: () => Promise<CliAccess>): void {
  const parent = program
    .command(COMMAND)
    .description("Followers of the Yonexus cluster: list, show, pair, revoke, doctor");
  for (const { name, aliases, argument, summary, run } of COMMANDS) {
    for (const [index, word] of [name, ...aliases].entries()) {
      // An alias works and is not listed.
      const command = index === 0 ? parent.command(word) : parent.command(word, { hidden: true });
      command
        .description(summary)
        .option("--json", "for programs: JSON on standard output, instants in unix milliseconds");
      if (argument !== undefined)
        command.argument(argument.required ? `<${argument.name}>` : `[${argument.name}]`, argument.description);
      command.action(async (...given: unknown[]) => {
        const [first, options] = argument === undefined ? [undefined, given[0]] : [given[0], given[1]];
        await runInTerminal(open, run, typeof first === "string" ? first : undefined, isJson(options));
      });
    }
  }
}

async function runInTerminal(
  open: () => Promise<CliAccess>,
  run: (typeof COMMANDS)[number]["run"],
  argument: string | undefined,
  json: boolean,
): Promise<void> {
  let access: CliAccess | undefined;
  try {
    access = await open();
    const reply = await run({ ...access, surface: "cli", steps: operatorSteps(SURFACES.cli) }, argument);
    process.stdout.write(`${json ? JSON.stringify(reply.json) : reply.text}\n`);
    if (reply.failed === true) process.exitCode = 1;
  } catch (error) {
    const { code, message } = explainFailure(error);
    if (json) process.stdout.write(`${JSON.stringify({ failure: { code, message } })}\n`);
    else process.stderr.write(`${message}\n`);
    process.exitCode = 1;
  } finally {
    await access?.close();
  }
}

function isJson(options: unknown): boolean {
  return typeof options === "object" && options !== null && "json" in options && options.json === true;
}
