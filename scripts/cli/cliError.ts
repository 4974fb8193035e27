/** A failure that a person can act on: the message is one sentence that says how to mend it. */
export class CliError extends Error {
  readonly code = "CLI_FAILED";
}

/** The command was typed wrongly; nothing was done. */
export class UsageError extends Error {
  readonly code = "CLI_USAGE";
}

/** The command did its work and the answer is "no": what there is to say was printed. */
export class QuietFailure extends Error {
  readonly code = "CLI_QUIET";
}
