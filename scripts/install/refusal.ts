/** Why the installer stopped. It is in the `--json` output, for programs. */
export type RefusalCode =
  | "NOT_BUILT"
  | "STALE_BUILD"
  | "DAMAGED_BUILD"
  | "NO_PROFILE"
  | "NOT_OWNER"
  | "CONFIG_NOT_EDITABLE"
  | "CONFIG_CHANGED"
  | "PLUGIN_DENIED"
  | "PLUGINS_OFF"
  | "OTHER_PLUGIN"
  | "OTHER_INSTALLATION"
  | "BUSY"
  | "DATA_IN_USE"
  | "FILE_SYSTEM";

/** One sentence for a person: what is in the way, and what to do next. */
export class Refusal extends Error {
  readonly code: RefusalCode;
  /** Lines to write by hand, when the way on is to edit a file. */
  readonly lines: readonly string[];

  constructor(code: RefusalCode, sentence: string, options: { lines?: readonly string[]; cause?: unknown } = {}) {
    super(sentence, { cause: options.cause });
    this.name = "Refusal";
    this.code = code;
    this.lines = options.lines ?? [];
  }
}

/** The sentence for what the file system refused, with the path and the system's code. */
export function fileSystemRefusal(error: unknown): Refusal {
  const { code, path, message } = error as NodeJS.ErrnoException;
  const next: Record<string, string> = {
    EACCES: "let the owner of the profile do that",
    EPERM: "let the owner of the profile do that",
    EROFS: "make the file system writable",
    ENOSPC: "make room on the disk",
    EDQUOT: "make room on the disk",
  };
  const what = code !== undefined && path !== undefined ? `${path}: ${code}` : message;
  const mend = next[code ?? ""] ?? "mend that";
  return new Refusal("FILE_SYSTEM", `The file system refused (${what}): ${mend}, and run this again.`, {
    cause: error,
  });
}
