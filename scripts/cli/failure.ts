import { AdminListenError } from "@yonexus/protocol/admin";
import { ConfigError } from "@yonexus/protocol/config";
import { LocalError } from "@yonexus/protocol/local";
import { plainText } from "@yonexus/protocol/operator";
import {
  explainConnection,
  InvalidMessageError,
  RedisUrlError,
  RuleHeldError,
  SchemaMismatchError,
  UnsealError,
} from "@yonexus/protocol/redis";
import { CertificateError } from "@yonexus/protocol/tls";
import { CommanderError } from "commander";
import { CliError, QuietFailure, UsageError } from "./cliError.ts";
import { usageSentence } from "./usage.ts";

/** How a command ended: 0 done, 1 failed or the answer is "no", 2 typed wrongly. */
export interface Failure {
  readonly exitCode: 0 | 1 | 2;
  /** What to tell the person; absent when it was said already. */
  readonly sentence?: string;
}

const OWN = [
  AdminListenError,
  CertificateError,
  CliError,
  UsageError,
  QuietFailure,
  ConfigError,
  InvalidMessageError,
  LocalError,
  RedisUrlError,
  RuleHeldError,
  SchemaMismatchError,
  UnsealError,
];

/** Whether the message is written for people and says how to mend it. */
export function isOwnError(error: unknown): error is Error {
  return OWN.some((kind) => error instanceof kind);
}

/** The one place where an error becomes an exit code and a sentence. @param command the subcommand that was typed. */
export function explainFailure(error: unknown, command: string | undefined): Failure {
  if (error instanceof CommanderError) return explainCommander(error, command);
  if (error instanceof QuietFailure) return { exitCode: 1 };
  if (error instanceof UsageError) return { exitCode: 2, sentence: error.message };
  // One problem is one sentence; several are a list.
  if (error instanceof ConfigError && error.problems.length === 1) {
    return { exitCode: 1, sentence: error.problems[0] ?? error.message };
  }
  if (isOwnError(error)) return { exitCode: 1, sentence: error.message };
  const known = explainConnection(error);
  if (known !== undefined) return { exitCode: 1, sentence: `${known.found}. ${known.mend}` };
  const unheard = explainListening(error);
  if (unheard !== undefined) return { exitCode: 1, sentence: unheard };
  const text = error instanceof Error ? error.message : String(error);
  return { exitCode: 1, sentence: `An unforeseen failure: ${plainText(text).replace(/\.$/u, "")}. Try it again.` };
}

/** Why nothing can listen on an address; undefined for any other error. */
function explainListening(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error) || !("port" in error)) return undefined;
  const address = "address" in error ? plainText(String(error.address)) : "";
  switch (error.code) {
    case "EADDRINUSE":
      return `Port ${error.port} is taken: stop what listens there, or set YONEXUS_LISTEN_PORT.`;
    case "EADDRNOTAVAIL":
      return `${address} is no address of this machine: set YONEXUS_LISTEN_HOST to one that is.`;
    case "EACCES":
      return `This user may not listen on port ${error.port}: set YONEXUS_LISTEN_PORT to one above 1023.`;
    default:
      return undefined;
  }
}

function explainCommander(error: CommanderError, command: string | undefined): Failure {
  switch (error.code) {
    case "commander.helpDisplayed":
    case "commander.version":
      return { exitCode: 0 };
    case "commander.help":
      // Asked for by `help`, or shown because a command was missing.
      return { exitCode: error.exitCode === 0 ? 0 : 2 };
    default:
      return { exitCode: 2, sentence: usageSentence(error, command) };
  }
}
