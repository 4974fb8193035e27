export interface Arguments {
  readonly action: "install" | "uninstall" | "help";
  /** As it was typed. */
  readonly profilePath?: string;
  readonly purge: boolean;
  readonly dryRun: boolean;
  readonly json: boolean;
}

export interface WrongArguments {
  /** One sentence: what is wrong and what to type. */
  readonly problem: string;
  readonly json: boolean;
}

export declare const USAGE: string;
export declare function parseArguments(args: readonly string[]): Arguments | WrongArguments;
