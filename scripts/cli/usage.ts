import { plainText } from "@yonexus/protocol/operator";
import type { CommanderError } from "commander";

/** What Commander found wrong as one sentence, with the place to look at. */
export function usageSentence(error: Pick<CommanderError, "message">, command: string | undefined): string {
  const [first = "", ...rest] = error.message.replace(/^error:\s*/u, "").split("\n");
  const text = plainText(first.trim().replace(/\.$/u, "").replaceAll("'", ""));
  const found = `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
  const guess = /\(Did you mean (.+)\?\)/u.exec(rest.join(" "))?.[1];
  const help = `yonexus ${command === undefined ? "" : `${command} `}--help`;
  return guess === undefined ? `${found}: see ${help}.` : `${found}: did you mean ${guess}? See ${help}.`;
}
