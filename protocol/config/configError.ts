/** Every problem of a configuration at once, so that it is mended in one go. No problem repeats a secret value. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly code = "CONFIG_INVALID";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    const heading = problems.length === 1 ? "The configuration has a problem:" : "The configuration has problems:";
    super([heading, ...problems.map((problem) => `  ${problem}`)].join("\n"));
    this.problems = Object.freeze([...problems]);
  }
}
