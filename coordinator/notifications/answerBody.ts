/** What of an answer's body could be used: its JSON object, if it is one. */
export interface AnswerBody {
  readonly value?: Readonly<Record<string, unknown>>;
}

/** Discord's answers have a few hundred bytes; a proxy's error page may have any number. */
const MAX_BYTES = 65_536;

/** Reads no more of a body than an answer may have. What is too long, or no JSON object, counts as empty. */
export async function readBody(response: Response): Promise<AnswerBody> {
  if (response.body === null) return {};
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop early cancels the body, and with it the connection.
  for await (const chunk of response.body) {
    size += chunk.length;
    if (size > MAX_BYTES) return {};
    chunks.push(chunk);
  }
  try {
    const value: unknown = JSON.parse(Buffer.concat(chunks).toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { value: { ...value } } : {};
  } catch {
    return {};
  }
}
