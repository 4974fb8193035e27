import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { readFileText } from "@yonexus/protocol/local";
import { CliError } from "../cliError.ts";

/** Shorter ones are tried through by a machine that has the file. */
const MIN_CHARACTERS = 12;
const MAX_FILE_BYTES = 4_096;

/** Where a passphrase comes from: never from the command line, which others on the machine can read. */
export interface PassphraseSource {
  /** The file that YONEXUS_PASSPHRASE_FILE names. */
  readonly file: string | undefined;
}

/** A new passphrase, asked for twice. @throws CliError when there is none, it is too short, or the two are not the same. */
export async function newPassphrase(source: PassphraseSource): Promise<string> {
  const passphrase = await takePassphrase(source, `A passphrase of ${MIN_CHARACTERS} characters or more: `);
  if ([...passphrase].length < MIN_CHARACTERS) {
    throw new CliError(
      `The passphrase has fewer than ${MIN_CHARACTERS} characters: take a longer one. Nothing was done.`,
    );
  }
  if (source.file === undefined && (await askHidden("The same again: ")) !== passphrase) {
    throw new CliError("The two are not the same: nothing was done. Try it again.");
  }
  return passphrase;
}

/** The passphrase of a file that is there. @throws CliError when there is none. */
export async function takePassphrase({ file }: PassphraseSource, question = "Its passphrase: "): Promise<string> {
  const passphrase = file === undefined ? await askHidden(question) : readPassphraseFile(file);
  if (passphrase === "") throw new CliError("The passphrase is empty: nothing was done.");
  return passphrase;
}

/** Asks for yes or no. Answers no where nobody can be asked. */
export async function askYes(question: string): Promise<boolean> {
  if (!canAsk()) return false;
  return /^y(es)?$/iu.test((await ask(question, { hidden: false })).trim());
}

/** Whether somebody sits at the terminal. */
export function canAsk(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true;
}

function readPassphraseFile(path: string): string {
  const { text, problem } = readFileText(path, MAX_FILE_BYTES);
  if (problem !== undefined)
    throw new CliError(`YONEXUS_PASSPHRASE_FILE is ${path}, a file that ${problem}: mend that.`);
  return text.replace(/\r?\n$/u, "");
}

async function askHidden(question: string): Promise<string> {
  if (!canAsk()) {
    throw new CliError(
      "There is no terminal to ask for the passphrase: write it into a file that only you can read, and set YONEXUS_PASSPHRASE_FILE to its path.",
    );
  }
  return ask(question, { hidden: true }).finally(() => process.stderr.write("\n"));
}

/** One line from the terminal. @param hidden nothing of what is typed is shown. */
function ask(question: string, { hidden }: { readonly hidden: boolean }): Promise<string> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const output = hidden ? silent : process.stderr;
  const lines = createInterface({ input: process.stdin, output, prompt: question, terminal: true, historySize: 0 });
  // Asked only now: from here on the terminal itself no longer shows what is typed.
  if (hidden) process.stderr.write(question);
  else lines.prompt();
  return new Promise<string>((resolve, reject) => {
    lines.once("SIGINT", () => reject(new CliError("Nothing was done.")));
    lines.once("close", () => reject(new CliError("Nothing was typed: nothing was done.")));
    lines.once("line", resolve);
  }).finally(() => lines.close());
}
