import { UsageError } from "./cliError.ts";

/** More than any frame may have. */
const MAX_BYTES = 16_777_216;

/** All of standard input as text, without the line break at its end. @throws UsageError when it is endless or not UTF-8. */
export async function readInput(): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) throw new UsageError("Standard input is longer than a message may be: send a smaller one.");
    chunks.push(chunk);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
      .decode(Buffer.concat(chunks))
      .replace(/\r?\n$/u, "");
  } catch {
    throw new UsageError("Standard input is not UTF-8 text: convert it first.");
  }
}
