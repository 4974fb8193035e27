import { readFileSync } from "node:fs";

export type ConfigFile =
  | { readonly entries: ReadonlyMap<string, unknown>; readonly problem?: never }
  | { readonly problem: string; readonly entries?: never };

/** The keys of a JSON configuration file. What cannot be read is a problem in words, never an exception. */
export function readConfigFile(path: string): ConfigFile {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
    return { problem: `The configuration file ${path} cannot be read (${code}): it must be a readable JSON file.` };
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { problem: `The configuration file ${path} is not JSON${place(error)}: it must hold one JSON object.` };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return {
      problem: `The configuration file ${path} does not hold a JSON object: it must look like { "listenPort": 8787 }.`,
    };
  }
  return { entries: new Map(Object.entries(value)) };
}

/** The parser's own message quotes the text around the mistake, which may be a secret: only the place is kept. */
function place(error: unknown): string {
  const found = error instanceof Error ? /line \d+ column \d+/.exec(error.message) : null;
  return found === null ? "" : ` at ${found[0]}`;
}
